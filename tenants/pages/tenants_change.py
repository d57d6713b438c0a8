"""Changing a tenant as an operator: its name, suspending it, deleting it."""

from __future__ import annotations

from copy import copy
from datetime import timedelta
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.generic import View

from console.forms import FormPage
from console.forms.views import go_to
from events.models import Run
from tenants import services
from tenants.models import ApiKey, Membership, Tenant
from tenants.offboarding import Keep, remove_tenant
from tenants.pages.settings_general import TenantForm
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage


class OneTenant(WorkspacePage):
    """Of the tenant whose short name is in the address."""

    permission = TenantPermission.CHANGE_SETTINGS

    @cached_property
    def tenant(self) -> Tenant:
        """The row.

        Raises:
            Http404: there is none.
        """
        tenants = self.workspace.scope(Tenant.objects.all())
        return get_object_or_404(tenants, slug=self.kwargs["slug"])

    def page_url(self) -> str:
        """The tenant's page."""
        return self.workspace.url("tenant", slug=self.tenant.slug)


class TenantEditForm(TenantForm):
    """What operators change of a tenant: also its short name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["slug"].help_text = "In addresses, files and metrics. Links to the tenant's pages change with it."

    class Meta(TenantForm.Meta):
        """With the short name."""

        fields = ("name", "slug", "plan", "time_zone", "default_route", "redis_outage", "cache_max_mib")
        labels: ClassVar[dict[str, str]] = {**TenantForm.Meta.labels, "cache_max_mib": "Most MiB of kept answers"}
        help_texts: ClassVar[dict[str, str]] = {
            **TenantForm.Meta.help_texts,
            "cache_max_mib": "Kept answers and results of tools together; the least recently used go first.",
        }


class TenantEdit(OneTenant, FormPage):
    """General settings of a tenant."""

    form_class = TenantEditForm  # type: ignore[assignment]
    submit_label = "Save"
    success_message = "The settings of “{name}” are saved."

    def get_title(self) -> str:
        """Whose."""
        return f"Edit {self.tenant.name}"

    def get_form_kwargs(self) -> dict[str, Any]:
        """A copy of the row: the form writes into what it is given before anybody has decided."""
        return {**super().get_form_kwargs(), "instance": copy(self.tenant)}

    def save(self, form: forms.Form) -> str:
        """One audited change."""
        tenant = services.update_tenant(tenant=self.tenant, **form.cleaned_data)
        return self.workspace.url("tenant", slug=tenant.slug)

    def cancel_url(self) -> str:
        """Back to the tenant."""
        return self.page_url()


class TenantState(OneTenant, View):
    """Suspend a tenant, or let it call again."""

    active = False

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Effective within a second."""
        services.update_tenant(tenant=self.tenant, active=self.active)
        done = "may call again" if self.active else "is suspended: every call is refused from now on"
        messages.success(request, f"“{self.tenant.name}” {done}.")
        return go_to(request, self.page_url())


KEEP_CHOICES = (
    (Keep.ALL.value, "Keep them: calls go when the platform's retention ends, usage and cost stay"),
    (Keep.USAGE.value, "Erase prompts, answers and calls; keep usage and cost, for accounting"),
    (Keep.NOTHING.value, "Erase everything, usage and cost as well"),
)


class TenantDeleteForm(forms.Form):
    """What goes, and the name once more."""

    keep = forms.ChoiceField(
        label="What happens to its past calls",
        choices=KEEP_CHOICES,
        widget=forms.RadioSelect,
        initial=Keep.ALL.value,
    )
    slug = forms.CharField(
        label="Short name, to be sure", widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"})
    )

    def __init__(self, *args: Any, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tenant = tenant
        self.fields["slug"].help_text = f"Type {tenant.slug} to go on."

    def clean_slug(self) -> str:
        """Exactly the tenant's."""
        written: str = self.cleaned_data["slug"]
        if written != self.tenant.slug:
            raise ValidationError(f"Type {self.tenant.slug}, the short name of this tenant.")
        return written


class TenantDelete(OneTenant, FormPage):
    """Delete a tenant, after saying what goes with it."""

    form_class = TenantDeleteForm
    template_name = "console/tenants/delete.html"
    submit_label, danger = "Delete the tenant", True

    def get_title(self) -> str:
        """Which."""
        return f"Delete {self.tenant.name}?"

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form knows the name to type."""
        return {**super().get_form_kwargs(), "tenant": self.tenant}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What depends on the tenant."""
        tenant, day = self.tenant, timezone.now() - timedelta(days=1)
        counts = {
            "keys": ApiKey.objects.for_tenant(tenant).usable(timezone.now()).count(),
            "members": Membership.objects.for_tenant(tenant).count(),
            "calls": Run.objects.filter(tenant_id=str(tenant.pk), started_at__gte=day)[:10_000].count(),
        }
        return super().get_context_data(tenant=tenant, counts=counts, **kwargs)

    def save(self, form: forms.Form) -> str:
        """The tenant and its configuration at once, its calls in the background."""
        name = self.tenant.name
        remove_tenant(tenant=self.tenant, keep=Keep(form.cleaned_data["keep"]))
        messages.success(self.request, f"“{name}” is deleted.")
        return self.workspace.url("tenants")

    def cancel_url(self) -> str:
        """Back to the tenant."""
        return self.page_url()
