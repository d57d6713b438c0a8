"""Credentials of providers: where they are, who uses them, new values for those that are stored here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import TemplateView, View

from console.forms import FormPage
from console.forms.typed_name import TypedNameForm
from console.forms.views import go_to
from routing.models import Provider
from routing.pages.secret_states import secret_rows, stores
from tenants.models import Tenant
from tenants.roles import TenantPermission
from tenants.secret_services import MAX_VALUE_LENGTH, create_secret, delete_secret, replace_secret
from tenants.secret_store import MAX_NAME_LENGTH, NAME, StoredSecret
from tenants.secrets.checking import check_reference
from tenants.workspaces import WorkspacePage


class SecretList(WorkspacePage, TemplateView):
    """References in use and secrets that are stored; never a value."""

    template_name = "console/secrets/list.html"

    def get_template_names(self) -> list[str]:
        """The rows alone where htmx asks for them."""
        if self.request.htmx and self.request.htmx.target == "secret-rows":  # type: ignore[attr-defined]
            return ["console/secrets/_rows.html"]
        return [self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Those that the search leaves."""
        every = secret_rows(self.workspace)
        search = self.request.GET.get("q", "").strip().lower()[:100]
        shown = [
            row
            for row in every
            if search in row.reference.lower() or any(search in p.name.lower() for p in row.providers)
        ]
        return super().get_context_data(
            rows=shown,
            any_row=bool(every),
            search=search,
            stores=stores(every) if self.workspace.is_platform else [],
            **kwargs,
        )


class ValueForm(forms.Form):
    """A credential. A form that is sent back for corrections does not repeat it."""

    value = forms.CharField(
        label="The credential",
        max_length=MAX_VALUE_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Encrypted when it is stored. No page shows it again.",
    )


class SecretForm(ValueForm):
    """A new secret; ``tenants`` are given where somebody may choose the owner."""

    name = forms.CharField(max_length=MAX_NAME_LENGTH, validators=[NAME], help_text="Providers refer to it as db:NAME.")
    description = forms.CharField(max_length=200, required=False, help_text="What it is for. Not the value.")
    tenant = forms.ModelChoiceField(
        label="For",
        queryset=Tenant.objects.none(),
        required=False,
        empty_label="The platform's providers",
        help_text="A tenant's own providers use only what is stored for that tenant.",
    )

    field_order = ("tenant", "name", "value", "description")

    def __init__(self, *args: Any, choose_owner: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if choose_owner:
            owners: Any = self.fields["tenant"]
            owners.queryset = Tenant.objects.order_by("name")
        else:
            del self.fields["tenant"]


@method_decorator(sensitive_post_parameters("value"), name="dispatch")
class SecretCreate(WorkspacePage, FormPage):
    """Store one."""

    permission = TenantPermission.MANAGE_SECRETS
    form_class = SecretForm
    title, submit_label = "Store a secret", "Store the secret"

    def get_form_kwargs(self) -> dict[str, Any]:
        """Operators choose the owner; ``?name=`` is one that a provider refers to already."""
        initial = {"name": self.request.GET.get("name", ""), "tenant": self.request.GET.get("tenant") or None}
        return {**super().get_form_kwargs(), "choose_owner": self.workspace.is_platform, "initial": initial}

    def save(self, form: Any) -> str:
        """Through the service."""
        cleaned = form.cleaned_data
        owner = cleaned["tenant"] if self.workspace.is_platform else self.workspace.tenant
        secret = create_secret(
            name=cleaned["name"], value=cleaned["value"], tenant=owner, description=cleaned["description"]
        )
        messages.success(self.request, f"Stored. Providers refer to it as {secret.reference}.")
        return self.workspace.url("secrets")

    def cancel_url(self) -> str:
        """Back to the list."""
        return self.workspace.url("secrets")


class _OfSecret(WorkspacePage, FormPage):
    """A form about one stored secret."""

    permission = TenantPermission.MANAGE_SECRETS

    @property
    def secret(self) -> StoredSecret:
        """Found once."""
        if not hasattr(self, "_secret"):
            rows = self.workspace.scope(StoredSecret.objects.select_related("tenant"))
            self._secret: StoredSecret = get_object_or_404(rows, pk=self.kwargs["pk"])
        return self._secret

    def users(self) -> list[Provider]:
        """The providers of its owner that refer to it."""
        mine = Provider.objects.for_tenant(self.secret.tenant) if self.secret.tenant else Provider.objects.of_platform()
        return list(mine.filter(secret_ref=self.secret.reference).order_by("name"))

    def cancel_url(self) -> str:
        """Back to the list."""
        return self.workspace.url("secrets")


@method_decorator(sensitive_post_parameters("value"), name="dispatch")
class SecretRotate(_OfSecret):
    """Give it a new value."""

    form_class = ValueForm
    submit_label = "Replace the value"
    intro = "Its providers use the new value within a second. The old one is gone."

    def get_title(self) -> str:
        """With the name."""
        return f"New value for {self.secret.name}"

    def save(self, form: Any) -> str:
        """Through the service."""
        secret = replace_secret(secret=self.secret, value=form.cleaned_data["value"])
        messages.success(self.request, f"{secret.reference} has a new value, version {secret.value_version}.")
        return self.workspace.url("secrets")


class SecretDelete(_OfSecret):
    """Asks for the name."""

    template_name = "console/secrets/delete.html"
    form_class = TypedNameForm
    submit_label = "Delete the secret"
    danger = True

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the name that is expected."""
        return {**super().get_form_kwargs(), "expected": self.secret.name}

    def get_title(self) -> str:
        """With the name."""
        return f"Delete {self.secret.name}"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With who will go without a credential."""
        return super().get_context_data(users=self.users(), **kwargs)

    def save(self, form: Any) -> str:
        """Through the service."""
        name = self.secret.name
        delete_secret(secret=self.secret)
        messages.success(self.request, f"“{name}” is gone.")
        return self.workspace.url("secrets")


class SecretCheck(WorkspacePage, View):
    """Whether a reference resolves, and nothing else."""

    permission = TenantPermission.MANAGE_SECRETS

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """One line for htmx; a message for who has no script."""
        reference = request.POST.get("secret_ref", "").strip()
        if not reference:
            return HttpResponse("Write a reference first.")
        owner = self._owner(request)
        check = check_reference(reference[:200], tenant_id=None if owner is None else str(owner.pk))
        if request.htmx:  # type: ignore[attr-defined]
            return render(request, "console/secrets/_check.html", {"check": check})
        (messages.success if check.resolves else messages.warning)(request, check.words)
        return go_to(request, self.workspace.url("secrets"))

    def _owner(self, request: HttpRequest) -> Tenant | None:
        """Whose reference it would be: the tenant's here; on the platform as the form says."""
        if self.workspace.tenant is not None:
            return self.workspace.tenant
        try:
            if provider := request.POST.get("provider"):
                owner: Provider = get_object_or_404(Provider.objects.select_related("tenant"), pk=provider)
                return owner.tenant
            if tenant := request.POST.get("tenant_choice"):
                found: Tenant = get_object_or_404(Tenant, pk=tenant)
                return found
        except ValidationError:
            raise Http404 from None
        return None
