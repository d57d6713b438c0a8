"""API keys: the list, and what creates, changes, replaces and ends one."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from console.forms import FormPage
from console.forms.typed_name import TypedNameForm
from console.tables import TablePage
from tenants import services
from tenants.models import ApiKey, Tenant
from tenants.pages.key_figures import calls_of_last_day
from tenants.pages.key_forms import ApiKeyForm, NewApiKeyForm, RotationForm
from tenants.pages.key_tables import KeyTable, is_followed
from tenants.roles import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage


class KeyList(WorkspacePage, TablePage):
    """The keys of a tenant, or of all."""

    template_name = "console/keys/list.html"
    table_class = KeyTable

    def get_rows(self) -> QuerySet[ApiKey]:
        """With their teams, and whether they have successors."""
        rows = ApiKey.objects.select_related("tenant", "team").annotate(followed=is_followed(ApiKey))
        return self.workspace.scope(rows)


class KeyCreate(WorkspacePage, FormPage):
    """A new key of the workspace's tenant, with limits and a budget of its own if wanted."""

    permission = TenantPermission.MANAGE_KEYS
    template_name = "console/keys/form.html"
    form_class = NewApiKeyForm
    title, submit_label = "Create a key", "Create the key"

    def get_form_kwargs(self) -> dict[str, Any]:
        """What the user may set."""
        return {
            **super().get_form_kwargs(),
            "tenant": self.workspace.tenant,
            "may_limit": self.workspace.may(TenantPermission.MANAGE_LIMITS),
            "may_budget": self.workspace.may(TenantPermission.MANAGE_BUDGETS),
        }

    def cancel_url(self) -> str:
        """Back to the list."""
        return self.workspace.url("keys")

    def save(self, form: forms.Form) -> HttpResponse:
        """The key with its limits and budget, all or nothing; its clear text is shown this once."""
        assert isinstance(form, NewApiKeyForm)
        tenant = self.workspace.tenant
        assert tenant is not None
        with transaction.atomic():
            key, clear = services.create_key(tenant=tenant, **form.key_fields())
            for limit in form.limits():
                services.set_rate_limit(tenant=tenant, level="key", key=key, **limit)
            if form.cleaned_data.get("budget"):
                services.set_budget(
                    tenant=tenant,
                    name=f"{key.name[:80]}, monthly",
                    limit_nanousd=form.cleaned_data["budget"],
                    level="key",
                    key=key,
                    action=form.cleaned_data["budget_action"],
                )
        return shown_once(self, key, clear, title="Your new key")


class OfOneKey(WorkspacePage):
    """Base of pages about one key: ``self.key``; what is not of the workspace is not there."""

    @cached_property
    def key(self) -> ApiKey:
        """The key of the address."""
        rows = ApiKey.objects.select_related("tenant", "team", "rotated_from", "successor")
        return get_object_or_404(self.workspace.scope(rows), pk=self.kwargs["pk"])  # type: ignore[no-any-return]

    def cancel_url(self) -> str:
        """Back to the key."""
        return self.workspace.url("key", pk=self.key.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Templates show the key as ``key``."""
        return super().get_context_data(key=self.key, **kwargs)  # type: ignore[misc,no-any-return]


class KeyEdit(OfOneKey, FormPage):
    """Change what a key is for and what it may do. Its secret stays."""

    permission = TenantPermission.MANAGE_KEYS
    template_name = "console/keys/form.html"
    form_class = ApiKeyForm
    title, submit_label, success_message = (
        "Edit the key",
        "Save",
        "“{name}” is changed. Gateways follow within a second.",
    )

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the key as it is."""
        return {**super().get_form_kwargs(), "tenant": self.key.tenant, "key": self.key}

    def save(self, form: forms.Form) -> str:
        """Through the service."""
        assert isinstance(form, ApiKeyForm)
        services.update_key(key=self.key, **form.key_fields())
        return self.cancel_url()


class KeyRotate(OfOneKey, FormPage):
    """Replace the key by another with the same rights."""

    permission = TenantPermission.MANAGE_KEYS
    template_name = "console/keys/rotate.html"
    form_class = RotationForm
    title, submit_label = "Rotate the key", "Create the new key"

    def save(self, form: forms.Form) -> HttpResponse:
        """The successor; its clear text is shown this once."""
        assert isinstance(form, RotationForm)
        successor, clear = services.rotate_key(key=self.key, overlap=form.length())
        self.key.refresh_from_db()
        return shown_once(self, successor, clear, title="The new key", old=self.key)


class KeyRevoke(OfOneKey, FormPage):
    """End the key at once. It cannot be undone, so its name is typed."""

    permission = TenantPermission.MANAGE_KEYS
    template_name = "console/keys/revoke.html"
    form_class = TypedNameForm
    title, submit_label = "Revoke the key", "Revoke the key"
    danger = True
    success_message = "The key is revoked. Gateways refuse it from now on."

    def get_form_kwargs(self) -> dict[str, Any]:
        """The name to type."""
        return {**super().get_form_kwargs(), "expected": self.key.name}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What will break."""
        return super().get_context_data(calls=calls_of_last_day(self.key), **kwargs)

    def save(self, form: forms.Form) -> str:
        """Through the service."""
        services.revoke_key(key=self.key)
        return self.cancel_url()


SNIPPET = """\
curl {base}/v1/chat/completions \\
  -H "Authorization: Bearer {key}" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
"""


def shown_once(page: Any, key: ApiKey, clear: str, *, title: str, old: ApiKey | None = None) -> HttpResponse:
    """The page, or the drawer's content, that shows the clear key."""
    workspace: Workspace = page.workspace
    tenant: Tenant = key.tenant
    model = next(iter([*key.allowed_routes, *key.allowed_models]), "") or tenant.default_route or "chat"
    context: dict[str, Any] = {
        "title": title,
        "key": key,
        "clear": clear,
        "old": old,
        "snippet": SNIPPET.format(base=page.request.build_absolute_uri("/").rstrip("/"), key=clear, model=model),
        "key_url": workspace.url("key", pk=key.pk),
        "list_url": workspace.url("keys"),
    }
    response = render(page.request, "console/keys/created.html", context)
    # A clear key is not to lie in the browser's cache.
    response.headers["Cache-Control"] = "no-store"
    return response
