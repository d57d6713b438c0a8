"""Invitations into a tenant: sent by mail, sent again, revoked."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import django_filters
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Case, CharField, Q, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.generic import View

from console.forms import FormPage
from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from tenants.invitation_rows import Invitation
from tenants.models import Membership, User
from tenants.pages.members import role_choices, sections
from tenants.pages.tenants_create import site_of
from tenants.permissions import require_role_change
from tenants.roles import TenantPermission
from tenants.signing_in import invitations
from tenants.workspaces import WorkspacePage

STATES = (("open", "Open"), ("expired", "Expired"), ("accepted", "Accepted"), ("withdrawn", "Revoked"))


class InvitationFilter(django_filters.FilterSet):
    """What the list of invitations is narrowed by."""

    state = django_filters.ChoiceFilter(choices=STATES, field_name="state_now", label="State")

    class Meta:
        """Of invitations."""

        model = Invitation
        fields = ("state",)


class InvitationTable(Table):
    """Who was asked to join."""

    name = "invitations"
    caption, noun = "Invitations", "invitation"
    columns = (
        Column("email", "E-mail address", sort="email", primary=True),
        Column("role", "Role", template="console/members/_role.html", sort="role"),
        Column("state_now", "State", template="console/members/_invitation_state.html", sort="state_now"),
        Column("invited_by", "Invited by", sort="invited_by", phone=False),
        Column("created_at", "Sent", kind="when", sort="created_at"),
        Column("expires_at", "Link holds until", kind="when", sort="expires_at"),
    )
    default_sort = "-created_at"
    search = ("email", "invited_by")
    search_hint = "E-mail address"
    filterset = InvitationFilter
    row_actions = "console/members/_invitation_actions.html"
    live = "config.object.changed"
    empty = Empty(
        "mail",
        "Nobody was invited yet",
        "Whoever is invited gets a link by mail, and joins with it in the role that you choose.",
        "Invite somebody",
        "member-invite",
        TenantPermission.MANAGE_MEMBERS,
    )


class InvitationList(WorkspacePage, TablePage):
    """All invitations."""

    permission = TenantPermission.MANAGE_MEMBERS
    template_name = "console/members/invitations.html"
    table_class = InvitationTable

    def get_rows(self) -> QuerySet[Invitation]:
        """With the state as of now."""
        return with_state(self.workspace.scope(Invitation.objects.all()))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the tabs."""
        return super().get_context_data(sections=sections(self.workspace, "member-invitations"), **kwargs)


def with_state(rows: QuerySet[Invitation]) -> QuerySet[Invitation]:
    """The invitations with ``state_now``: what :meth:`Invitation.state` says."""
    return rows.annotate(
        state_now=Case(
            When(accepted_at__isnull=False, then=Value("accepted")),
            When(withdrawn_at__isnull=False, then=Value("withdrawn")),
            When(Q(expires_at__gt=timezone.now()), then=Value("open")),
            default=Value("expired"),
            output_field=CharField(),
        )
    )


class InviteForm(forms.Form):
    """Whom, as what."""

    email = forms.EmailField(
        label="E-mail address",
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "off"}),
        help_text="They get a link that holds for seven days. An open invitation of the same address is replaced.",
    )
    role = forms.ChoiceField(label="Role", widget=forms.RadioSelect, initial=Membership.Role.DEVELOPER)

    def __init__(self, *args: Any, roles: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ChoiceField, self.fields["role"]).choices = roles


class MemberInvite(WorkspacePage, FormPage):
    """Ask somebody to join."""

    permission = TenantPermission.MANAGE_MEMBERS
    form_class = InviteForm
    title, submit_label = "Invite somebody", "Send the invitation"
    success_message = "An invitation is on its way to {email}."

    def get_form_kwargs(self) -> dict[str, Any]:
        """What may be given."""
        return {**super().get_form_kwargs(), "roles": role_choices(self.workspace)}

    def save(self, form: forms.Form) -> str:
        """Audited; the mail goes out once it is stored."""
        assert self.workspace.tenant is not None
        invitations.invite(
            tenant=self.workspace.tenant,
            by=cast(User, self.request.user),
            site=site_of(self.request),
            **form.cleaned_data,
        )
        return self.cancel_url()

    def cancel_url(self) -> str:
        """All invitations."""
        return self.workspace.url("member-invitations")


class OneInvitation(WorkspacePage):
    """Of one invitation."""

    permission = TenantPermission.MANAGE_MEMBERS

    @cached_property
    def invitation(self) -> Invitation:
        """The row.

        Raises:
            Http404: the tenant has none of this id.
        """
        rows = self.workspace.scope(Invitation.objects.select_related("tenant"))
        return get_object_or_404(rows, pk=self.kwargs["pk"])

    def done(self, request: HttpRequest, text: str) -> HttpResponse:
        """Back to the list."""
        messages.success(request, text)
        return go_to(request, self.workspace.url("member-invitations"))


class InvitationResend(OneInvitation, View):
    """Send the mail again, with a new link."""

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Audited."""
        found = self.invitation
        require_role_change(request.user, found.tenant, to=found.role)
        try:
            invitations.resend(invitation=found, site=site_of(request))
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
            return go_to(request, self.workspace.url("member-invitations"))
        return self.done(request, f"Another mail is on its way to {found.email}.")


class InvitationRevoke(OneInvitation, View):
    """Let the link hold no longer."""

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Audited."""
        found = self.invitation
        try:
            invitations.withdraw(invitation=found, by=cast(User, request.user))
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
            return go_to(request, self.workspace.url("member-invitations"))
        return self.done(request, f"The invitation of {found.email} holds no longer.")
