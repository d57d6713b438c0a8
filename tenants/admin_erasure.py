"""Erasing one end user from a tenant's page."""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from tenants.data_protection import MAX_END_USER_LENGTH, erase_end_user
from tenants.models import Tenant

if TYPE_CHECKING:
    from tenants.admin_rows import ConfigRowAdmin

    TenantAdminBase = ConfigRowAdmin
else:
    TenantAdminBase = object


WARNING = (
    "Their prompts and answers are deleted, and a pseudonym takes the place of their id in events, runs and the "
    "ledger. This cannot be undone."
)


class ErasureForm(forms.Form):
    """Who."""

    end_user = forms.CharField(
        label="End user",
        max_length=MAX_END_USER_LENGTH,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="As calls name them in the field 'user', to the letter.",
    )


class EraseEndUserAction(TenantAdminBase):
    """The action *Erase an end user…* on the page of a tenant."""

    @action(description="Erase an end user…", permissions=("change",), icon="person_remove")
    def erase(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask who, then erase them; the answer shows the pseudonym."""
        tenant: Tenant | None = self.get_object(request, object_id)
        if tenant is None:
            raise Http404("There is no such tenant.")
        if not self.has_change_permission(request, tenant):
            raise PermissionDenied
        page = reverse("admin:tenants_tenant_change", args=(tenant.pk,))
        form = ErasureForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                erased = erase_end_user(tenant, form.cleaned_data["end_user"])
            except ValidationError as error:
                form.add_error("end_user", error)
            else:
                told = f"{erased.events} events, {erased.runs} runs and {erased.usage_records} usage records"
                self.message_user(request, f"Erased as {erased.pseudonym}: {told}.", messages.SUCCESS)
                return HttpResponseRedirect(page)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "tenant": tenant,
            "page": page,
            "form": form,
            "title": "Erase an end user",
            "told": WARNING,
        }
        return TemplateResponse(request, "admin/tenants/tenant/erase.html", context)
