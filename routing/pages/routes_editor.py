"""The editor of routes: checked while one types, with what a change does before it is saved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.generic import View

from console.forms.views import PREVIEW_HEADER, VALIDATE_HEADER, add_refusal, field_errors, go_to
from events.models import Run
from routing.kept_answers import CACHE_FIELDS
from routing.models import Route, Target
from routing.pages.routes_forms import RouteForm, TargetRows, problems
from routing.pages.routes_page import effect_now, open_circuits, version_or_404
from routing.pages.routes_words import LABELS, STRATEGIES, differences
from routing.route_design import (
    ATTEMPT_FIELDS,
    ROUTE_FIELDS,
    Design,
    design_of,
    fingerprint,
    save_design,
    stored_targets,
)
from routing.route_traffic import Traffic, by_target, latest, runs_over
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

TRAFFIC = timedelta(hours=24)
"""Calls of so long say what a typical call is."""

BASIC = ("name", "enabled")
MATCHING = ("match_modes", "match_tags", "match_headers", "order", "is_default")


class RouteEditor(WorkspacePage, View):
    """Edits a route of the workspace; without a ``pk``, a new one."""

    permission = TenantPermission.MANAGE_ROUTES
    write_permission = TenantPermission.MANAGE_ROUTES

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """The form with the route as it is, or as it was in the version that the URL names."""
        route = self._route(kwargs.get("pk"))
        design = self._stored(route)
        seen = fingerprint(design) if design else ""
        entry = request.GET.get("version", "")
        version = version_or_404(route, entry) if entry and design else None
        shown = version.after if version else design
        initial = {name: shown[name] for name in ROUTE_FIELDS} if shown else {}
        form, rows = RouteForm(instance=route, initial=initial), TargetRows(route, shown)
        if design is None:
            rows.add()
        return self._page(request, route, form, rows, seen=seen, version=version)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Save, or say what saving would do, or what is wrong with a field; or one row more or less."""
        route = self._route(kwargs.get("pk"))
        before = None if route._state.adding else stored_targets(route)
        design = design_of(route, before) if before is not None else None
        form, rows = RouteForm(request.POST, instance=route), TargetRows(route, None, request.POST)
        field = request.headers.get(VALIDATE_HEADER)
        if field is not None:
            return field_errors(request, form, field)
        if "add" in request.POST or "remove" in request.POST:
            return self._rows_changed(request, route, form, rows)
        fine = all([form.is_valid(), rows.is_valid()])
        if request.headers.get(PREVIEW_HEADER):
            return self._preview(request, route, form, rows, design, before or [], fine=fine)
        return self._saved(request, route, form, rows) if fine else self._page(request, route, form, rows)

    # --- the steps -----------------------------------------------------------------------------------

    def _route(self, pk: Any) -> Route:
        if pk is None:
            return Route(tenant=self.workspace.tenant)
        route: Route = get_object_or_404(self.workspace.scope(Route.objects.select_related("tenant")), pk=pk)
        return route

    @staticmethod
    def _stored(route: Route) -> Design | None:
        return None if route._state.adding else design_of(route, stored_targets(route))

    def _rows_changed(self, request: HttpRequest, route: Route, form: RouteForm, rows: TargetRows) -> HttpResponse:
        """Without script: the page with a row more or less, all else as it was typed."""
        if "add" in request.POST:
            rows.add()
        else:
            rows.remove(request.POST.get("remove", ""))
        return self._page(request, route, form, rows)

    def _saved(self, request: HttpRequest, route: Route, form: RouteForm, rows: TargetRows) -> HttpResponse:
        creating = route._state.adding
        target = Route(tenant=self.workspace.tenant) if creating else self._route(route.pk)
        seen = request.POST.get("seen") or None
        try:
            changed = save_design(route=target, fields=form.fields_to_save(), targets=rows.chosen(), seen=seen)
        except ValidationError as refusal:
            add_refusal(form, refusal)
            return self._page(request, route, form, rows)
        if creating:
            messages.success(request, f"The route “{target.name}” is there. Callers can use it now.")
        elif changed:
            messages.success(request, f"“{target.name}” is changed. The gateways follow within a second.")
        else:
            messages.info(request, "Nothing was changed.")
        return go_to(request, self.workspace.url("route", pk=target.pk))

    def _preview(
        self,
        request: HttpRequest,
        route: Route,
        form: RouteForm,
        rows: TargetRows,
        design: Design | None,
        before: list[Target],
        *,
        fine: bool,
    ) -> HttpResponse:
        wrong = problems(form, rows)
        if not fine:
            # With names of fields alone nobody knows what a row's problem is about.
            named = [(name, _label(name), errors) for name, errors in wrong.items()]
            return render(request, "console/routes/_preview.html", {"problems": named, "problem_data": wrong})
        changed = rows.targets({target.model_id: target for target in before})
        traffic = self._traffic(route, design)
        states = open_circuits(before)
        effect = effect_now(self.workspace, route, changed, traffic, states)
        shown = {
            "problem_data": {},
            "effect": effect,
            "creating": design is None,
            "route": route,
            "words": STRATEGIES[route.strategy],
            "longest_ms": min(route.total_timeout_ms, route.max_latency_ms or route.total_timeout_ms),
            "may_see_costs": self.workspace.may(TenantPermission.VIEW_COSTS),
        }
        if design is not None:
            stored = self._route(route.pk)
            was = effect_now(self.workspace, stored, before, traffic, states)
            shown |= {"was": was, "differences": differences(design, design_of(route, changed))}
            shown["shares"] = _side_by_side(was, effect)
        return render(request, "console/routes/_preview.html", shown)

    def _traffic(self, route: Route, design: Design | None) -> dict[str, Traffic]:
        if design is None:
            return {}
        known = Route(pk=route.pk, tenant_id=route.tenant_id, name=design["name"])
        return by_target(latest(runs_over(known, self.workspace.scope(Run.objects.all()), timezone.now() - TRAFFIC)))

    def _page(
        self,
        request: HttpRequest,
        route: Route,
        form: RouteForm,
        rows: TargetRows,
        *,
        seen: str | None = None,
        version: Any = None,
    ) -> HttpResponse:
        shown = {
            "route": route,
            "creating": route._state.adding,
            "form": form,
            "rows": rows,
            "seen": request.POST.get("seen", "") if seen is None else seen,
            "version": version,
            "strategies": STRATEGIES.values(),
            "basic": [form[name] for name in BASIC],
            "matching": [form[name] for name in MATCHING],
            "attempts": [form[name] for name in ATTEMPT_FIELDS],
            "caching": [form[name] for name in CACHE_FIELDS],
            "chosen_strategy": form["strategy"].value(),
            "name_of_route": form.initial.get("name") or route.name,
            "cancel_url": self.workspace.url("routes")
            if route._state.adding
            else self.workspace.url("route", pk=route.pk),
        }
        return render(request, "console/routes/editor.html", shown)


def _label(name: str) -> str:
    prefix, _, field = name.rpartition("-")
    label = LABELS.get(field or name, (field or name).replace("_", " ").capitalize())
    return f"Target {int(prefix.rpartition('-')[2]) + 1}, {label}" if prefix else label


def _side_by_side(was: Any, now: Any) -> list[dict[str, Any]]:
    """The share of each target before and after."""
    before = {part.label: part for part in was.parts}
    after = {part.label: part for part in now.parts}
    return [
        {
            "label": label,
            "before": before[label].share if label in before else None,
            "after": after[label].share if label in after else None,
            "before_width": round((before[label].share if label in before else 0) * 100, 2),
            "after_width": round((after[label].share if label in after else 0) * 100, 2),
            "note": after[label].note if label in after else "removed",
        }
        for label in dict.fromkeys([*before, *after])
    ]
