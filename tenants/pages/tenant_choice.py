"""On the platform, making something of a tenant begins with saying whose."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from console.forms import FormPage
from tenants.models import Tenant
from tenants.workspaces import Workspace, WorkspacePage

MOST_SUGGESTED = 200


class TenantForm(forms.Form):
    """Whose."""

    tenant = forms.CharField(
        max_length=200,
        help_text="Its short name or its name. You go on in the tenant's own workspace.",
        widget=forms.TextInput(attrs={"list": "tenants-known", "autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_tenant(self) -> Tenant:
        """The tenant of this short name, or the only one of this name.

        Raises:
            ValidationError: there is none, or several have the name.
        """
        text = self.cleaned_data["tenant"].strip()
        found = list(Tenant.objects.filter(slug=text)[:1]) or list(Tenant.objects.filter(name__iexact=text)[:2])
        if len(found) != 1:
            raise ValidationError(
                "Several tenants have this name; write the short one." if found else "There is no such tenant."
            )
        return found[0]


class TenantChoice(WorkspacePage, FormPage):
    """Asks for the tenant, and goes on to the page ``target`` of its workspace."""

    template_name = "console/tenant_choice.html"
    form_class = TenantForm
    submit_label = "Go on"
    target: ClassVar[str] = ""
    back: ClassVar[str] = "home"
    """Where "Cancel" leads."""

    def save(self, form: forms.Form) -> str:
        """On to the page."""
        return Workspace(self.workspace.user, form.cleaned_data["tenant"]).url(self.target)

    def cancel_url(self) -> str:
        """Back to the list."""
        return self.workspace.url(self.back)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The first tenants by name, as suggestions."""
        known = Tenant.objects.order_by("name").values_list("slug", "name")[:MOST_SUGGESTED]
        return super().get_context_data(known=known, **kwargs)
