"""Members of a tenant: who, in which role, how they sign in."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import django_filters
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView, View

from console.forms import FormPage
from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from console.tables.paging import RowPage
from tenants import services
from tenants.models import Membership, Tenant, User
from tenants.permissions import require_role_change
from tenants.roles import LABELS, ROLE_CHOICES, ROLES, TenantPermission
from tenants.signing_in.second_factor import STRONG
from tenants.workspaces import Workspace, WorkspacePage

ROLE_MEANS = {
    "owner": "Everything. Only owners make and remove owners.",
    "admin": "Everything but making and removing owners.",
    "developer": "Keys, routes and models; reads calls with their prompts, usage and costs.",
    "viewer": "Reads configuration, calls and usage, but neither prompts nor costs.",
    "billing": "Budgets, usage, costs and statements.",
}
ROLE_TONES = {"owner": "brand", "admin": "info"}


def may_touch_owners(user: User, tenant: Tenant) -> bool:
    """Whether the user may make and remove owners of the tenant."""
    try:
        require_role_change(user, tenant, to=Membership.Role.OWNER)
    except PermissionDenied:
        return False
    return True


def role_choices(workspace: Workspace) -> list[tuple[str, str]]:
    """The roles that the user may give in this workspace, with what each means."""
    assert workspace.tenant is not None
    owners = may_touch_owners(cast(User, workspace.user), workspace.tenant)
    return [
        (role, f"{label}: {ROLE_MEANS[role]}")
        for role, label in ROLE_CHOICES
        if owners or role != Membership.Role.OWNER
    ]


def sections(workspace: Workspace, current: str) -> list[tuple[str, str, bool]]:
    """The parts of the page as tabs; invitations for who may invite."""
    parts = [("members", "Members"), ("member-invitations", "Invitations"), ("member-roles", "What roles may do")]
    if not workspace.may(TenantPermission.MANAGE_MEMBERS):
        parts = [part for part in parts if part[0] != "member-invitations"]
    return [(workspace.url(name), label, name == current) for name, label in parts]


class MemberFilter(django_filters.FilterSet):
    """What the list of members is narrowed by."""

    role = django_filters.ChoiceFilter(choices=ROLE_CHOICES, label="Role")

    class Meta:
        """Of memberships."""

        model = Membership
        fields = ("role",)


class MemberTable(Table):
    """Members with their roles."""

    name = "members"
    caption, noun = "Members", "member"
    columns = (
        Column(
            "user",
            "Member",
            accessor="user.username",
            template="console/members/_member.html",
            sort="user__username",
            primary=True,
        ),
        Column("role", "Role", template="console/members/_role.html", sort="role"),
        Column("second_factor", "Second factor", template="console/members/_factor.html", sort="second_factor"),
        Column("last_login", "Last sign-in", kind="when", accessor="user.last_login", sort="user__last_login"),
        Column("created_at", "Member since", kind="when", sort="created_at", phone=False),
    )
    default_sort = "user"
    search = ("user__username", "user__email", "user__first_name", "user__last_name")
    search_hint = "Name or e-mail address"
    filterset = MemberFilter
    row_actions = "console/members/_actions.html"
    exportable = True
    live = "config.object.changed"
    empty = Empty(
        "users",
        "No members yet",
        "Members sign in and see this tenant's pages, each by their role.",
        "Invite somebody",
        "member-invite",
        TenantPermission.MANAGE_MEMBERS,
    )

    def shown_columns(self) -> tuple[Column, ...]:
        """How people sign in concerns who manages them."""
        if self.workspace.may(TenantPermission.MANAGE_MEMBERS):
            return self.columns
        return tuple(column for column in self.columns if column.name not in ("second_factor", "last_login"))

    @cached_property
    def page(self) -> RowPage:
        """With what may be done about each."""
        page = super().page
        workspace = cast(Workspace, self.workspace)
        if workspace.tenant is None or not workspace.may(TenantPermission.MANAGE_MEMBERS):
            return page
        owners_too = may_touch_owners(cast(User, workspace.user), workspace.tenant)
        owners = Membership.objects.for_tenant(workspace.tenant).filter(role=Membership.Role.OWNER)[:2].count()
        for row in page.rows:
            is_owner = row.role == Membership.Role.OWNER
            row.last_owner = is_owner and owners < 2
            row.may_change = (owners_too or not is_owner) and not row.last_owner
            row.is_self = row.user_id == workspace.user.pk
        return page


def members_of(workspace: Workspace) -> QuerySet[Membership]:
    """The workspace's memberships with ``second_factor``."""
    factors = Authenticator.objects.filter(user=OuterRef("user"), type__in=STRONG)
    rows = Membership.objects.select_related("user").annotate(second_factor=Exists(factors))
    return workspace.scope(rows)


class MemberList(WorkspacePage, TablePage):
    """All members."""

    template_name = "console/members/list.html"
    table_class = MemberTable

    def get_rows(self) -> QuerySet[Membership]:
        """With whether they have a second factor."""
        return members_of(self.workspace)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the tabs."""
        return super().get_context_data(sections=sections(self.workspace, "members"), **kwargs)


class MemberRoles(WorkspacePage, TemplateView):
    """Which role may do what."""

    template_name = "console/members/roles.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The table of roles, as it is enforced."""
        rows = [
            (LABELS[permission], [role in roles for role, _ in ROLE_CHOICES])
            for permission, roles in ROLES.items()
            if roles
        ]
        roles = [(label, ROLE_MEANS[role]) for role, label in ROLE_CHOICES]
        tabs = sections(self.workspace, "member-roles")
        return super().get_context_data(rows=rows, roles=roles, sections=tabs, **kwargs)


class OneMember(WorkspacePage):
    """Of one member, for who may manage members."""

    permission = TenantPermission.MANAGE_MEMBERS

    @cached_property
    def membership(self) -> Membership:
        """The row.

        Raises:
            Http404: nobody in the tenant has it.
        """
        rows = self.workspace.scope(Membership.objects.select_related("user", "tenant"))
        found: Membership = get_object_or_404(rows, pk=self.kwargs["pk"])
        return found

    def cancel_url(self) -> str:
        """All members."""
        return self.workspace.url("members")


class RoleForm(forms.Form):
    """A role with what it may do."""

    role = forms.ChoiceField(label="Role", widget=forms.RadioSelect)

    def __init__(self, *args: Any, roles: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ChoiceField, self.fields["role"]).choices = roles


class MemberRole(OneMember, FormPage):
    """Give a member another role."""

    form_class = RoleForm
    submit_label = "Save"

    def get_title(self) -> str:
        """Whose."""
        return f"Role of {self.membership.user.username}"

    def get_initial(self) -> dict[str, Any]:
        """As it is."""
        return {"role": self.membership.role}

    def get_form_kwargs(self) -> dict[str, Any]:
        """What may be given."""
        return {**super().get_form_kwargs(), "roles": role_choices(self.workspace)}

    def save(self, form: forms.Form) -> str:
        """Audited; owners by owners only, and one owner stays."""
        member, role = self.membership, form.cleaned_data["role"]
        require_role_change(self.request.user, member.tenant, to=role, current=member.role)
        services.set_membership(user=member.user, tenant=member.tenant, role=role)
        messages.success(self.request, f"{member.user.username} is {dict(ROLE_CHOICES)[role].lower()} now.")
        return self.cancel_url()


class MemberRemove(OneMember, View):
    """Take somebody out of the tenant."""

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Their account stays; the last owner does, too."""
        member = self.membership
        require_role_change(request.user, member.tenant, to=None, current=member.role)
        try:
            services.delete_membership(membership=member)
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        else:
            messages.success(request, f"{member.user.username} is no longer a member.")
        return go_to(request, self.cancel_url() if member.user_id != request.user.pk else "/")
