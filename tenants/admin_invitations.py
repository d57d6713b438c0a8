"""Invitations: sent, seen and withdrawn."""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action, display

from tenants.invitation_rows import Invitation
from tenants.signing_in.invitations import check, invite, withdraw

STATES = {"open": "info", "accepted": "success", "withdrawn": "danger", "expired": "warning"}


class InvitationForm(forms.ModelForm):  # type: ignore[type-arg]
    """Whom, where, as what."""

    class Meta:
        """The rest follows."""

        model = Invitation
        fields = ("tenant", "email", "role")

    by: Any = None

    def clean(self) -> dict[str, Any]:
        """What would keep the invitation from being sent."""
        data = super().clean() or {}
        if not self.errors:
            try:
                check(tenant=data["tenant"], email=data["email"], role=data["role"], by=self.by)
            except PermissionDenied as error:
                raise ValidationError(str(error)) from error
        return data

    def validate_constraints(self) -> None:
        """An open invitation is replaced, not refused."""


@admin.register(Invitation)
class InvitationAdmin(ModelAdmin):
    """Who was asked to join which tenant."""

    form = InvitationForm
    list_display = ("email", "tenant", "role", "show_state", "invited_by", "expires_at", "accepted_at")
    list_filter = (("tenant", AutocompleteSelectFilter), "role")
    list_filter_submit = True
    list_select_related = ("tenant",)
    search_fields = ("email", "tenant__slug", "invited_by")
    autocomplete_fields = ("tenant",)
    actions = ("withdraw_selected",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        """All of them."""
        rows: QuerySet[Invitation] = super().get_queryset(request)
        return rows

    @display(description="State", label=STATES)
    def show_state(self, invitation: Invitation) -> str:
        """A badge."""
        return invitation.state()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An invitation that was sent is withdrawn, not changed; the list needs this for its action."""
        return obj is None and bool(super().has_change_permission(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Kept, to tell who came by whom."""
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form knows who invites."""
        return type("BoundInvitationForm", (super().get_form(request, obj, change, **kwargs),), {"by": request.user})

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        """Audited, and sent by mail."""
        site = request.build_absolute_uri("/")
        sent = invite(tenant=obj.tenant, email=obj.email, role=obj.role, by=request.user, site=site)  # type: ignore[arg-type]
        # What the admin says next is about this row.
        obj.pk = sent.pk

    @action(description="Withdraw: the link holds no longer", permissions=("change",))
    def withdraw_selected(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        """Each as its own change."""
        for invitation in queryset:
            try:
                withdraw(invitation=invitation, by=request.user)  # type: ignore[arg-type]
            except ValidationError as error:
                self.message_user(request, f"{invitation}: {' '.join(error.messages)}", messages.ERROR)
