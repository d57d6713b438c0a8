"""What operators do with providers: create, change, test, drain, enable, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import TemplateView, View

from console.forms import FormPage
from console.forms.typed_name import TypedNameForm
from console.forms.views import go_to
from contracts.specs import Capability
from routing.catalogue import details_of
from routing.models import Model, Provider, Target
from routing.pages.kinds import Kind, kinds
from routing.pages.provider_forms import NewProviderForm, ProviderForm, kind_is_known
from routing.pages.providers import provider_rows
from routing.services import create_model, create_provider, delete_provider, set_enabled, update_provider
from routing.trial import try_model
from tenants.models import Tenant
from tenants.roles import TenantPermission
from tenants.secret_services import create_secret
from tenants.workspaces import WorkspacePage


class ProviderCreate(WorkspacePage, FormPage):
    """First the kind (``?kind=``), then the form with its defaults."""

    permission = TenantPermission.MANAGE_ROUTES
    template_name = "console/providers/form.html"
    submit_label = "Create the provider"

    @method_decorator(sensitive_post_parameters("new_value"))
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """A report of an error on it leaves the credential out."""
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """The choice of kinds where none is chosen."""
        if not kind_is_known(self._kind):
            return render(request, "console/providers/kinds.html", {"kinds": kinds()})
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """As the form's; without a kind there is no form."""
        if not kind_is_known(self._kind):
            return self.get(request, *args, **kwargs)
        return super().post(request, *args, **kwargs)

    @property
    def _kind(self) -> str:
        return self.request.GET.get("kind", "")

    def get_form(self, form_class: Any = None) -> NewProviderForm:
        """Of the chosen kind."""
        return NewProviderForm(**self.get_form_kwargs(), kind=self._kind)

    def get_title(self) -> str:
        """With the kind."""
        return f"Add a provider: {self.get_form().kind.label}"

    @transaction.atomic
    def save(self, form: Any) -> str:
        """The secret, the provider and its first models, or none of them."""
        tenant = form.cleaned_data["tenant_choice"]
        fields = {**form.provider_fields(), "secret_ref": _reference(form.cleaned_data, tenant)}
        provider = create_provider(kind=self._kind, tenant=tenant, **fields)
        _create_models(provider, form.kind, form.cleaned_data)
        messages.success(self.request, f"“{provider.name}” is there. Send it a test call before routes use it.")
        return self.workspace.url("provider", pk=provider.pk)

    def cancel_url(self) -> str:
        """Back to the choice."""
        return self.workspace.url("provider-new")


def _reference(cleaned: Mapping[str, Any], tenant: Tenant | None) -> str:
    if cleaned["credential"] == "new":
        return create_secret(name=cleaned["new_name"], value=cleaned["new_value"], tenant=tenant).reference
    return str(cleaned["secret_ref"]) if cleaned["credential"] == "reference" else ""


def _create_models(provider: Provider, kind: Kind, cleaned: Mapping[str, Any]) -> None:
    for name in cleaned.get("model_names", ()):
        create_model(provider=provider, name=name)
    if kind.known is not None:
        for model in kind.known.models:
            if model.name in cleaned.get("models", ()):
                details = details_of(kind.known, model)
                create_model(provider=provider, name=model.name, capabilities=model.capabilities, **details)


class ProviderEdit(WorkspacePage, FormPage):
    """Everything but the kind and the owner."""

    permission = TenantPermission.MANAGE_ROUTES
    template_name = "console/providers/form.html"
    submit_label = "Save the changes"
    success_message = "Saved. Gateways use it within a second."

    @method_decorator(sensitive_post_parameters("new_value"))
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """A report of an error on it leaves the credential out."""
        return super().dispatch(request, *args, **kwargs)

    @property
    def provider(self) -> Provider:
        """Found once."""
        if not hasattr(self, "_provider"):
            self._provider: Provider = get_object_or_404(provider_rows(self), pk=self.kwargs["pk"])
        return self._provider

    def get_form(self, form_class: Any = None) -> ProviderForm:
        """Filled with what the provider has."""
        provider = self.provider
        kept = {name: getattr(provider, name) for name in ProviderForm.base_fields if hasattr(provider, name)}
        how = "reference" if provider.secret_ref else "none"
        kwargs = {**self.get_form_kwargs(), "initial": {**kept, "credential": how}}
        return ProviderForm(**kwargs, kind=provider.kind, provider=provider)

    def get_title(self) -> str:
        """With the name."""
        return f"Edit {self.provider.name}"

    @transaction.atomic
    def save(self, form: Any) -> str:
        """The secret, where one is stored, and the provider."""
        reference = _reference(form.cleaned_data, self.provider.tenant)
        update_provider(provider=self.provider, **form.provider_fields(), secret_ref=reference)
        return self.cancel_url()

    def cancel_url(self) -> str:
        """Back to the provider."""
        return self.workspace.url("provider", pk=self.provider.pk)


class ProviderTest(WorkspacePage, TemplateView):
    """One small real call to one of its models: asked for by a POST only, since it costs something."""

    permission = TenantPermission.MANAGE_ROUTES
    template_name = "console/providers/test.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The models to choose from, and what came of the call where there was one."""
        provider = get_object_or_404(provider_rows(self), pk=kwargs["pk"])
        models = list(provider.models.filter(enabled=True).prefetch_related("prices").order_by("name"))
        wanted = self.request.POST.get("model") or self.request.GET.get("model")
        chosen = next((model for model in models if str(model.pk) == wanted), None) or _first(models)
        return super().get_context_data(provider=provider, models=models, chosen=chosen, trial=None, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Send the call."""
        context = self.get_context_data(**kwargs)
        model = context["chosen"]
        if model is not None:
            model.provider = context["provider"]
            context["trial"] = try_model(model)
        return self.render_to_response(context)


def _first(models: list[Model]) -> Model | None:
    """One that chats, if there is one."""
    return next((model for model in models if Capability.CHAT in model.capabilities), models[0] if models else None)


class ProviderSwitch(WorkspacePage, View):
    """Drain or enable. A drained provider's calls end; new ones go to the next target."""

    permission = TenantPermission.MANAGE_ROUTES
    enabled = False

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Through the service; an event makes every open page of it new."""
        provider = get_object_or_404(provider_rows(self), pk=kwargs["pk"])
        changed = set_enabled(rows=[provider], enabled=self.enabled)
        if changed and self.enabled:
            messages.success(request, f"“{provider.name}” gets calls again within a second.")
        elif changed:
            messages.success(request, f"“{provider.name}” gets no new calls from now on. Calls under way finish.")
        return go_to(request, self.workspace.url("provider", pk=provider.pk))


class ProviderDelete(WorkspacePage, FormPage):
    """Asks for the name; refused while a route uses one of its models."""

    permission = TenantPermission.MANAGE_ROUTES
    template_name = "console/providers/delete.html"
    form_class = TypedNameForm
    submit_label = "Delete the provider"
    danger = True

    @property
    def provider(self) -> Any:
        """Found once."""
        if not hasattr(self, "_provider"):
            self._provider = get_object_or_404(provider_rows(self), pk=self.kwargs["pk"])
        return self._provider

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the name that is expected."""
        return {**super().get_form_kwargs(), "expected": self.provider.name}

    def get_title(self) -> str:
        """With the name."""
        return f"Delete {self.provider.name}"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What is in the way, and what goes with it."""
        routes = Target.objects.filter(model__provider=self.provider).select_related("route", "model")
        return super().get_context_data(
            provider=self.provider, blockers=list(routes.order_by("route__name")[:20]), **kwargs
        )

    def save(self, form: Any) -> str:
        """With its models and their prices.

        Raises:
            ValidationError: a route still uses one of its models.
        """
        if Target.objects.filter(Q(model__provider=self.provider)).exists():
            raise ValidationError("Routes still use its models. Take its targets out of them first, or drain it.")
        name = self.provider.name
        delete_provider(provider=self.provider)
        messages.success(self.request, f"“{name}” and its models are gone. What they cost stays in the reports.")
        return self.workspace.url("providers")

    def cancel_url(self) -> str:
        """Back to the provider."""
        return self.workspace.url("provider", pk=self.provider.pk)
