"""Stored secrets: a value is written here and never shown again."""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget

from tenants.admin_rows import ConfigRowAdmin, ConfigRowForm
from tenants.changes import save_row
from tenants.secret_services import MAX_VALUE_LENGTH, replace_secret, seal_into
from tenants.secret_store import StoredSecret


class StoredSecretForm(ConfigRowForm):
    """A secret as an operator sets it. A form that is sent back for corrections does not repeat the value."""

    value = forms.CharField(
        max_length=MAX_VALUE_LENGTH,
        widget=UnfoldAdminPasswordWidget(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="The credential itself. It is encrypted, and no page shows it again.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.fields["value"].required = False
            self.fields["value"].help_text = "Leave empty to keep the present value."

    def clean(self) -> dict[str, Any] | None:
        """A new row is encrypted here, so that the whole row can be checked."""
        cleaned = super().clean()
        if self.instance._state.adding and not self.errors:
            row = self.instance
            row.tenant, row.name = self.cleaned_data["tenant"], self.cleaned_data["name"]
            row.set_at = timezone.now()
            seal_into(row, self.cleaned_data["value"])
        return cleaned


@admin.register(StoredSecret)
class StoredSecretAdmin(ConfigRowAdmin):
    """Provider credentials that are kept encrypted."""

    form = StoredSecretForm
    list_display = ("name", "show_owner", "show_reference", "value_version", "set_at", "description")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    list_select_related = ("tenant",)
    search_fields = ("name", "description", "tenant__slug")
    autocomplete_fields = ("tenant",)
    fields = ("tenant", "name", "description", "value")
    state_fields = ("show_reference", "value_version", "set_at", "key_id")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A secret that exists shows its state as well."""
        return self.fields if obj is None else (*self.fields, *self.state_fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Name and owner stay: providers refer to them, and the value is encrypted for them."""
        return () if obj is None else ("tenant", "name", *self.state_fields)

    @method_decorator(sensitive_post_parameters("value"))
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """As its base's; a report of an error on it leaves the value out."""
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """What is told of the secret, and its new value if there is one."""
        save_row(obj)
        if change and form.cleaned_data.get("value"):
            replace_secret(secret=obj, value=form.cleaned_data["value"])

    @display(description="Owner", ordering="tenant__slug")
    def show_owner(self, secret: StoredSecret) -> str:
        """The tenant, or the platform."""
        return "platform" if secret.tenant is None else secret.tenant.slug

    @display(description="Refer to it as")
    def show_reference(self, secret: StoredSecret) -> str:
        """What to write into a provider."""
        return secret.reference
