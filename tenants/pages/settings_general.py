"""General settings of a tenant: its name, its time zone, what happens to calls that nothing else decides."""

from __future__ import annotations

from copy import copy
from typing import Any, ClassVar, cast

from django import forms

from console.forms import FormPage
from tenants import services
from tenants.models import Tenant
from tenants.pages.tenants_create import zone_choices
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]
    """What members change of their tenant."""

    time_zone = forms.ChoiceField(
        label="Time zone",
        help_text="Days, weeks and months of budgets and statements begin at midnight here. Running windows of budgets "
        "move with it.",
    )
    redis_outage = forms.ChoiceField(
        label="While limits cannot be counted",
        choices=(
            ("fail_open", "Go on: admit calls, each gateway under its share of every limit"),
            ("fail_closed", "Stop: refuse calls until they can be counted again"),
        ),
        widget=forms.RadioSelect,
        help_text="Limits and budgets are counted in Redis. This says what happens to calls while it is unreachable.",
    )

    class Meta:
        """All but what is kept, which has a page of its own."""

        model = Tenant
        fields: ClassVar[tuple[str, ...]] = ("name", "time_zone", "default_route", "redis_outage")
        labels: ClassVar[dict[str, str]] = {"slug": "Short name", "default_route": "Default route"}
        help_texts: ClassVar[dict[str, str]] = {
            "default_route": "The route of calls that name no model and fit no other. Empty: the default of the "
            "tenant's own routes, then the platform's."
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ChoiceField, self.fields["time_zone"]).choices = zone_choices(self.instance.time_zone)


class SettingsForm(WorkspacePage, FormPage):
    """Base of the pages that change the tenant's own row."""

    permission = TenantPermission.CHANGE_SETTINGS

    def get_form_kwargs(self) -> dict[str, Any]:
        """A copy of the row: the form writes into what it is given before anybody has decided."""
        return {**super().get_form_kwargs(), "instance": copy(self.workspace.tenant)}

    def save(self, form: forms.Form) -> str:
        """One audited change."""
        assert self.workspace.tenant is not None
        services.update_tenant(tenant=self.workspace.tenant, **form.cleaned_data)
        return self.workspace.url("settings")

    def cancel_url(self) -> str:
        """All settings."""
        return self.workspace.url("settings")


class SettingsGeneral(SettingsForm):
    """Change them."""

    form_class = TenantForm  # type: ignore[assignment]
    title, submit_label = "General settings", "Save"
    success_message = "The settings are saved."
