"""What is done with a whole route: switched on and off, put back, copied, deleted."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import View

from console.forms import FormPage
from console.forms.views import go_to
from routing.models import Route
from routing.pages.routes import routes_in
from routing.pages.routes_page import version_or_404
from routing.route_design import ROUTE_FIELDS, design_of, save_design, stored_targets
from routing.route_put_back import put_back
from routing.services import TargetChoice, clear_cache, delete_route, set_enabled
from tenants.roles import TenantPermission
from tenants.validators import ROUTE_NAME
from tenants.workspaces import WorkspacePage


class RouteSwitch(WorkspacePage, View):
    """Switches a route on or off."""

    permission = TenantPermission.MANAGE_ROUTES

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """``on`` says which."""
        route = get_object_or_404(self.workspace.scope(Route.objects.all()), pk=pk)
        enabled = request.POST.get("on") == "1"
        set_enabled(rows=[route], enabled=enabled)
        if enabled:
            messages.success(request, f"“{route.name}” serves calls again.")
        else:
            messages.success(request, f"“{route.name}” is disabled. Calls that name it are refused.")
        return go_to(request, self.workspace.url("route", pk=route.pk))


class RoutePutBack(WorkspacePage, View):
    """Has a route serve calls as in an earlier version."""

    permission = TenantPermission.MANAGE_ROUTES

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """``version`` says which; ``seen`` which one was in force when the person decided."""
        route = get_object_or_404(self.workspace.scope(Route.objects.all()), pk=pk)
        version = version_or_404(route, request.POST.get("version", ""))
        try:
            changed = put_back(route=route, design=version.after, seen=request.POST.get("seen") or None)
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        else:
            when = f"{version.at:%Y-%m-%d %H:%M} UTC"
            if changed:
                messages.success(request, f"“{route.name}” serves calls as of {when} within a second.")
            else:
                messages.info(request, f"“{route.name}” serves calls as of {when} already.")
        return go_to(request, f"{self.workspace.url('route', pk=route.pk)}?tab=history")


class RouteClearCache(WorkspacePage, View):
    """Forgets the answers that are kept."""

    permission = TenantPermission.MANAGE_ROUTES

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Of all tenants that use the route."""
        route = get_object_or_404(self.workspace.scope(Route.objects.all()), pk=pk)
        clear_cache(route=route)
        messages.success(request, f"“{route.name}” has forgotten its answers.")
        return go_to(request, self.workspace.url("route", pk=route.pk))


class CopyForm(forms.Form):
    """What a copy is called."""

    name = forms.CharField(
        max_length=128, validators=[ROUTE_NAME], label="Name", help_text="What callers write as the model."
    )
    enabled = forms.BooleanField(
        required=False,
        label="Enable it at once",
        help_text="Otherwise look it over first; nobody can call it until then.",
    )


class RouteCopy(WorkspacePage, FormPage):
    """A new route of the workspace with everything that another one has."""

    permission = TenantPermission.MANAGE_ROUTES
    form_class = CopyForm
    title, submit_label = "Duplicate the route", "Create the copy"
    success_message = "The route “{name}” is there."

    @property
    def _route(self) -> Route:
        return get_object_or_404(routes_in(self.workspace), pk=self.kwargs["pk"])

    def get_initial(self) -> dict[str, Any]:
        """A name that is free, of the platform's route its own: the tenant's then serves instead."""
        route = self._route
        adopting = route.tenant_id is None and self.workspace.tenant is not None
        return {"name": route.name if adopting else f"{route.name}-copy"}

    def save(self, form: forms.Form) -> str:
        """Everything but being the default."""
        source = self._route
        owner = self.workspace.tenant or source.tenant
        design = design_of(source, stored_targets(source))
        fields = {name: design[name] for name in ROUTE_FIELDS}
        fields |= {"name": form.cleaned_data["name"], "enabled": form.cleaned_data["enabled"], "is_default": False}
        copy = Route(tenant=owner)
        save_design(route=copy, fields=fields, targets=[_choice(target) for target in stored_targets(source)])
        return self.workspace.url("route", pk=copy.pk)

    def cancel_url(self) -> str:
        """The route that would be copied."""
        return self.workspace.url("route", pk=self.kwargs["pk"])


def _choice(target: Any) -> TargetChoice:
    breaker = {
        field.name.removeprefix("breaker_"): value
        for field in target._meta.concrete_fields
        if field.name.startswith("breaker_") and (value := getattr(target, field.name)) is not None
    }
    return TargetChoice(
        model=target.model,
        priority=target.priority,
        weight=target.weight,
        drop_params=tuple(target.drop_params),
        enabled=target.enabled,
        breaker=breaker,
    )


class DeleteForm(forms.Form):
    """The name, typed."""

    name = forms.CharField(label="Type the route's name", widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, expected: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected = expected
        self.fields["name"].help_text = f"It is called “{expected}”."

    def clean_name(self) -> str:
        """Exactly the route's."""
        name: str = self.cleaned_data["name"]
        if name != self.expected:
            raise ValidationError(f"Type “{self.expected}” to delete it.")
        return name


class RouteDelete(WorkspacePage, FormPage):
    """Deletes a route and its targets."""

    permission = TenantPermission.MANAGE_ROUTES
    form_class = DeleteForm
    title, submit_label = "Delete the route", "Delete the route"
    intro = "Calls that name it are refused within a second. Its past requests and costs stay."
    success_message = "The route “{name}” is gone."
    danger = True

    @property
    def _route(self) -> Route:
        route: Route = get_object_or_404(self.workspace.scope(Route.objects.all()), pk=self.kwargs["pk"])
        return route

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the name that has to be typed."""
        return {**super().get_form_kwargs(), "expected": self._route.name}

    def save(self, form: forms.Form) -> str:
        """For good."""
        delete_route(route=self._route)
        return self.workspace.url("routes")

    def cancel_url(self) -> str:
        """The route."""
        return self.workspace.url("route", pk=self.kwargs["pk"])
