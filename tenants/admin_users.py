"""People who sign in, and the groups that carry their permissions."""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from tenants.admin_rows import ConfigRowInline
from tenants.changes import delete_row, save_row
from tenants.models import Membership, User
from tenants.people import (
    delete_group,
    delete_user,
    note_group,
    note_rights,
    permissions_of,
    remove_second_factors,
    rights_of,
    save_user,
)

if TYPE_CHECKING:
    # Django's classes take type arguments in their stubs only.
    PeopleAdmin = DjangoUserAdmin[User]
else:
    PeopleAdmin = DjangoUserAdmin


RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")
"""What makes somebody more than a member."""


class NewUserForm(UserCreationForm):
    """Name, address and password of somebody new."""

    class Meta(UserCreationForm.Meta):
        """Our own user."""

        model = User
        fields = ("username", "email")


class KnownUserForm(UserChangeForm):
    """Everything about somebody."""

    class Meta(UserChangeForm.Meta):
        """Our own user."""

        model = User


class PasswordForm(AdminPasswordChangeForm):
    """Sets a password, and says so in the audit log."""

    def save(self, commit: bool = True) -> User:
        """The user with the new password."""
        user: User = super().save(commit=False)
        return save_user(user=user) if commit else user


class TenantInline(ConfigRowInline):
    """The tenants that the user may operate."""

    model = Membership
    fields = ("tenant", "role")
    autocomplete_fields = ("tenant",)
    verbose_name_plural = "tenants"


@admin.register(User)
class UserAdmin(PeopleAdmin, ModelAdmin):
    """People."""

    form = KnownUserForm
    add_form = NewUserForm
    change_password_form = PasswordForm
    list_display = (
        "username",
        "email",
        "show_kind",
        "show_state",
        "show_second_factor",
        "last_login",
        "date_joined",
    )
    list_filter = ("is_active", "is_staff", "is_superuser", ("groups", RelatedDropdownFilter))
    list_filter_submit = True
    search_fields = ("username", "email", "first_name", "last_name")
    readonly_fields = ("last_login", "date_joined")
    actions = ("remove_second_factors",)
    inlines = (TenantInline,)
    add_fieldsets = ((None, {"fields": ("username", "email", "usable_password", "password1", "password2")}),)

    @display(
        description="Kind",
        ordering="is_superuser",
        label={"superuser": "warning", "staff": "info", "member": "primary"},
    )
    def show_kind(self, user: User) -> str:
        """A badge."""
        if user.is_superuser:
            return "superuser"
        return "staff" if user.is_staff else "member"

    @display(description="State", ordering="is_active", label={"active": "success", "disabled": "danger"})
    def show_state(self, user: User) -> str:
        """A badge."""
        return "active" if user.is_active else "disabled"

    @display(description="Second factor", boolean=True)
    def show_second_factor(self, user: Any) -> bool:
        """Whether signing in takes more than a password."""
        return bool(user.has_second_factor)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With what the list shows."""
        factors = Authenticator.objects.filter(user=OuterRef("pk")).exclude(type=Authenticator.Type.RECOVERY_CODES)
        people: QuerySet[User] = super().get_queryset(request)
        return people.annotate(has_second_factor=Exists(factors))

    @action(description="Remove second factors: somebody lost their phone", permissions=("change",))
    def remove_second_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Each account as its own change; whoever has to have one sets up another at the next sign-in."""
        removed = sum(remove_second_factors(user=user) for user in queryset)
        self.message_user(request, f"Removed the second factors of {removed} account(s).", messages.SUCCESS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Superusers are changed by superusers, or everybody who changes users could become one."""
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (request.user.is_superuser or obj is None or not obj.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """As for changes."""
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (request.user.is_superuser or obj is None or not obj.is_superuser)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Who is staff, superuser or in which group is for superusers to say."""
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else (*fields, *RIGHTS)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Tenants are given to a user who exists."""
        return self.inlines if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Audited."""
        save_user(user=obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Groups and permissions, audited as well."""
        with transaction.atomic():
            before = rights_of(form.instance)
            super().save_related(request, form, formsets, change)
            note_rights(user=form.instance, before=before)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Memberships, each as its own change."""
        memberships = formset.save(commit=False)
        for membership in formset.deleted_objects:
            delete_row(membership)
        for membership in memberships:
            save_row(membership)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """Audited."""
        delete_user(user=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """One change each."""
        for user in queryset:
            delete_user(user=user)


admin.site.unregister(Group)
# django-allauth's own rows: people manage theirs on their account pages, and the issuer is named in the environment.
for model in (EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken):
    admin.site.unregister(model)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Named sets of permissions; who has what is part of the audit log."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Audited: by now the group is saved, its permissions are not."""
        with transaction.atomic():
            before = permissions_of(form.instance) if change else None
            super().save_related(request, form, formsets, change)
            note_group(group=form.instance, before=before)

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        """Audited."""
        delete_group(group=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        """One change each."""
        for group in queryset:
            delete_group(group=group)
