"""What is kept of a tenant's calls to be given again: how much, which tools' results, and forgetting it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.views.generic import View

from console.forms.views import go_to
from tenants import services
from tenants.kept_answers import validate_cached_tools
from tenants.models import Tenant
from tenants.pages.settings_general import SettingsForm
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage


class ToolsField(forms.CharField):
    """One ``name: seconds`` a line."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        """As lines."""
        if isinstance(value, dict):
            return "\n".join(f"{name}: {seconds}" for name, seconds in sorted(value.items()))
        return value

    def clean(self, value: Any) -> dict[str, int]:
        """Seconds by name.

        Raises:
            ValidationError: a line is something else.
        """
        found: dict[str, int] = {}
        for line in str(value or "").splitlines():
            name, _, seconds = line.rpartition(":")
            if not line.strip():
                continue
            if not name.strip() or not seconds.strip().isdecimal():
                raise ValidationError(f"“{line.strip()}” is not a name and seconds, such as geocode: 3600.")
            found[name.strip()] = int(seconds)
        validate_cached_tools(found)
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether a line differs."""
        return str(self.prepare_value(initial) or "").split() != str(data or "").split()


class CachesForm(forms.Form):
    """The tools whose results are kept."""

    cached_tools = ToolsField(
        required=False,
        label="Tools that give the same result for the same arguments",
        help_text="One “name: seconds” a line; so long its results hold. Leave out tools that change anything, or "
        "result only some of your users may see.",
        widget=forms.Textarea(
            attrs={"rows": 6, "spellcheck": "false", "placeholder": "geocode: 86400\nexchange_rate: 60"}
        ),
    )

    def __init__(self, *args: Any, instance: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "initial": {"cached_tools": instance.cached_tools}})


class SettingsCaches(SettingsForm):
    """Change them."""

    form_class = CachesForm
    title, submit_label = "Results of tools that are kept", "Save"
    success_message = "Saved. The gateways follow within a second."


class SettingsClearCaches(WorkspacePage, View):
    """Forgets every kept answer and result of the tenant."""

    permission = TenantPermission.CHANGE_SETTINGS

    def post(self, request: HttpRequest, **_: Any) -> HttpResponse:
        """At once, in all gateways."""
        assert self.workspace.tenant is not None
        services.clear_caches(tenant=self.workspace.tenant)
        messages.success(request, "Everything that was kept is forgotten.")
        return go_to(request, self.workspace.url("settings"))
