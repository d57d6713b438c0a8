"""Service keys: credentials of programs that manage a tenant, or (on the platform) the whole installation."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.generic import TemplateView

from console.forms import FormPage
from console.forms.typed_name import TypedNameForm
from console.tables import TablePage
from tenants import service_keys
from tenants.models import ServiceKey
from tenants.pages.audit_rows import changes_of
from tenants.pages.key_forms import RotationForm, ServiceKeyForm
from tenants.pages.key_tables import ServiceKeyTable, is_followed
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

_NAMES = {"keys_page": "service-keys", "keys_label": "Service keys"}


class ServiceKeyList(WorkspacePage, TablePage):
    """The service keys of a tenant, or of all and the platform's own."""

    template_name = "console/service_keys/list.html"
    table_class = ServiceKeyTable

    def get_rows(self) -> QuerySet[ServiceKey]:
        """With whether they have successors."""
        return self.workspace.scope(
            ServiceKey.objects.select_related("tenant").annotate(followed=is_followed(ServiceKey))
        )


class ServiceKeyCreate(WorkspacePage, FormPage):
    """A new service key: the tenant's, or the platform's."""

    permission = TenantPermission.MANAGE_MEMBERS
    template_name = "console/service_keys/form.html"
    form_class = ServiceKeyForm
    title, submit_label = "Create a service key", "Create the key"

    def cancel_url(self) -> str:
        """Back to the list."""
        return self.workspace.url("service-keys")

    def save(self, form: forms.Form) -> HttpResponse:
        """Through the service; its clear text is shown this once."""
        assert isinstance(form, ServiceKeyForm)
        key, clear = service_keys.create_service_key(tenant=self.workspace.tenant, **form.key_fields())
        return _shown_once(self, key, clear, "Your new service key")


class OfOneServiceKey(WorkspacePage):
    """Base of pages about one service key: ``self.key``."""

    @cached_property
    def key(self) -> ServiceKey:
        """The key of the address."""
        rows = ServiceKey.objects.select_related("tenant", "rotated_from", "successor")
        return get_object_or_404(self.workspace.scope(rows), pk=self.kwargs["pk"])  # type: ignore[no-any-return]

    def cancel_url(self) -> str:
        """Back to the key."""
        return self.workspace.url("service-key", pk=self.key.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Templates show the key as ``key``."""
        return super().get_context_data(**{**_NAMES, "key": self.key, **kwargs})  # type: ignore[misc,no-any-return]


class ServiceKeyPage(OfOneServiceKey, TemplateView):
    """What the key is, and what was changed."""

    template_name = "console/service_keys/key.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Its state and its history."""
        key = self.key
        history = self.workspace.may(TenantPermission.VIEW_AUDIT)
        return super().get_context_data(
            state=key.state(),
            successor=getattr(key, "successor", None),
            may_see_history=history,
            changes=changes_of(key.tenant_id, ["servicekey"], [str(key.pk)]) if history else [],
            **kwargs,
        )


class ServiceKeyEdit(OfOneServiceKey, FormPage):
    """Change what the key is for and what it may do. Its secret stays."""

    permission = TenantPermission.MANAGE_MEMBERS
    template_name = "console/service_keys/form.html"
    form_class = ServiceKeyForm
    title, submit_label, success_message = "Edit the service key", "Save", "“{name}” is changed."

    def get_initial(self) -> dict[str, Any]:
        """The key as it is."""
        return ServiceKeyForm.initial_of(self.key)

    def save(self, form: forms.Form) -> str:
        """Through the service."""
        assert isinstance(form, ServiceKeyForm)
        service_keys.update_service_key(key=self.key, **form.key_fields())
        return self.cancel_url()


class ServiceKeyRotate(OfOneServiceKey, FormPage):
    """Replace the key by another with the same rights."""

    permission = TenantPermission.MANAGE_MEMBERS
    template_name = "console/keys/rotate.html"
    form_class = RotationForm
    title, submit_label = "Rotate the service key", "Create the new key"

    def save(self, form: forms.Form) -> HttpResponse:
        """The successor; its clear text is shown this once."""
        assert isinstance(form, RotationForm)
        successor, clear = service_keys.rotate_service_key(key=self.key, overlap=form.length())
        self.key.refresh_from_db()
        return _shown_once(self, successor, clear, "The new service key", old=self.key)


class ServiceKeyRevoke(OfOneServiceKey, FormPage):
    """End the key at once. It cannot be undone, so its name is typed."""

    permission = TenantPermission.MANAGE_MEMBERS
    template_name = "console/keys/revoke.html"
    form_class = TypedNameForm
    title, submit_label = "Revoke the service key", "Revoke the key"
    danger = True
    success_message = "The service key is revoked. It is refused from its next request on."

    def get_form_kwargs(self) -> dict[str, Any]:
        """The name to type."""
        return {**super().get_form_kwargs(), "expected": self.key.name}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Nobody counts what service keys are used for."""
        return super().get_context_data(**{"calls": None, **kwargs})

    def save(self, form: forms.Form) -> str:
        """Through the service."""
        service_keys.revoke_service_key(key=self.key)
        return self.cancel_url()


SNIPPET = """\
curl {base}/v1/manage/keys \\
  -H "Authorization: Bearer {key}"
"""


def _shown_once(page: Any, key: ServiceKey, clear: str, title: str, old: ServiceKey | None = None) -> HttpResponse:
    context = {
        "title": title,
        "key": key,
        "clear": clear,
        "old": old,
        "snippet": SNIPPET.format(base=page.request.build_absolute_uri("/").rstrip("/"), key=clear),
        "key_url": page.workspace.url("service-key", pk=key.pk),
    }
    response = render(page.request, "console/keys/created.html", context)
    # A clear key is not to lie in the browser's cache.
    response.headers["Cache-Control"] = "no-store"
    return response
