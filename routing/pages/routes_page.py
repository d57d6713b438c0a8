"""One route: where calls go and why, what goes over it now, and how it came to be so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.generic import TemplateView

from console.charts import Chart, Series
from events.models import Run
from routing.admin_health import breaker_states
from routing.models import Route, Target
from routing.pages.circuit_changes import circuit_changes
from routing.pages.routes import COLOURS, may_change, routes_in
from routing.pages.routes_alike import alike_of
from routing.pages.routes_kept import kept_answers_of
from routing.pages.routes_words import STRATEGIES, conditions, differences
from routing.route_design import fingerprint, stored_targets
from routing.route_effect import Effect, Part, effect_of
from routing.route_history import Version, versions
from routing.route_traffic import Traffic, by_minute, by_target, runs_over
from tenants.roles import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage

WINDOWS = {"5m": ("5 min", 5), "15m": ("15 min", 15), "1h": ("1 hour", 60)}
BREAKER_TONES = {"closed": "good", "half_open": "warn", "open": "bad"}
BREAKER_WORDS = {"closed": "Closed", "half_open": "Probing", "open": "Open", "unknown": "Unknown"}
OTHER = "no target"
"""Calls that no provider was asked for, or one that is no target any more."""
PAST = timedelta(days=7)
"""How far back changes of circuits are shown."""
MOST_CHANGES = 8
_FRAGMENTS = {
    "route-live": "console/routes/_live.html",
    "route-circuits": "console/routes/_circuits.html",
    "route-kept": "console/routes/_kept.html",
}
"""Element → what renews it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One target in the table of the traffic split."""

    label: str
    colour: str
    traffic: Traffic
    share: float | None
    part: Part | None
    state: str
    tone: str
    words: str
    x: float = 0.0
    planned_x: float = 0.0

    @property
    def width(self) -> float:
        """Of the actual share, in percent."""
        return round((self.share or 0) * 100, 2)

    @property
    def planned_width(self) -> float:
        """Of the configured share, in percent."""
        return round(self.part.share * 100, 2) if self.part else 0.0


@dataclass(frozen=True, slots=True)
class Split:
    """How the calls of the last minutes were shared out, against what is configured."""

    rows: list[Row]
    calls: int
    failed: int
    chart: Chart

    @property
    def error_rate(self) -> float | None:
        """A share of 1; None without calls."""
        return self.failed / self.calls if self.calls else None


def open_circuits(targets: Sequence[Target]) -> dict[str, str]:
    """The state of each target's circuit, by its id."""
    return breaker_states().read(str(target.pk) for target in targets)


def effect_now(
    workspace: Workspace, route: Route, targets: Sequence[Target], traffic: dict[str, Traffic], states: dict[str, str]
) -> Effect:
    """The route's plan as things stand, for this workspace's prices."""
    tenant = workspace.tenant.pk if workspace.tenant is not None else route.tenant_id
    refusing = [key for key, state in states.items() if state == "open"]
    return effect_of(route, targets, now=timezone.now(), traffic=traffic, refusing=refusing, tenant_id=tenant)


def split_of(
    route: Route, runs: Any, effect: Effect, traffic: dict[str, Traffic], states: dict[str, str], since: datetime
) -> Split:
    """Every target of the plan, then whatever else was called."""
    calls = sum(one.calls for one in traffic.values())
    planned = {part.label: part for part in effect.parts}
    labels = [*planned, *sorted(label for label in traffic if label not in planned)]
    rows: list[Row] = []
    at = planned_at = 0.0
    for number, label in enumerate(labels):
        part, found = planned.get(label), traffic.get(label, Traffic())
        state = states.get(str(part.target.pk), "unknown") if part else ""
        row = Row(
            label or OTHER,
            COLOURS[number % len(COLOURS)] if label else "slate",
            found,
            found.calls / calls if calls else None,
            part,
            state,
            BREAKER_TONES.get(state, "neutral"),
            BREAKER_WORDS.get(state, "Not a target"),
            round(at, 2),
            round(planned_at, 2),
        )
        rows.append(row)
        at += row.width
        planned_at += row.planned_width
    minutes, counts = by_minute(runs, since, timezone.now())
    series = [
        Series(row.label, counts[key], row.colour) for key, row in zip(labels, rows, strict=True) if key in counts
    ]
    chart = Chart("Calls a minute", minutes, series, kind="bars", zoom=False)
    return Split(rows, calls, sum(one.failed for one in traffic.values()), chart)


class RoutePage(WorkspacePage, TemplateView):
    """The page of a route, its traffic alone for htmx, and its history in a tab."""

    permission = TenantPermission.VIEW_TENANT
    template_name = "console/routes/route.html"

    def get_template_names(self) -> list[str]:
        """The fragment that renews itself, or the page."""
        htmx = self.request.htmx  # type: ignore[attr-defined]
        if htmx and not htmx.history_restore_request and htmx.target in _FRAGMENTS:
            return [_FRAGMENTS[htmx.target]]
        return [self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the tab shows."""
        route = get_object_or_404(routes_in(self.workspace), pk=kwargs["pk"])
        may_see_history = self.workspace.may(TenantPermission.VIEW_AUDIT) and (
            self.workspace.is_platform or route.tenant_id is not None
        )
        tab = "history" if self.request.GET.get("tab") == "history" and may_see_history else "overview"
        shown = {
            "route": route,
            "words": STRATEGIES[route.strategy],
            "conditions": conditions(route),
            "editable": may_change(self.workspace, route),
            "tab": tab,
            "tabs": [("overview", "Overview"), *([("history", "History")] if may_see_history else [])],
            "hidden_by": self._hidden_by(route),
        }
        more = self._history(route) if tab == "history" else self._overview(route)
        return super().get_context_data(**shown, **more, **kwargs)

    def _hidden_by(self, route: Route) -> Route | None:
        """In a tenant: its own route of a shared one's name, which serves instead."""
        if self.workspace.tenant is None or route.tenant_id is not None:
            return None
        return Route.objects.filter(tenant=self.workspace.tenant, name=route.name, enabled=True).first()

    def _overview(self, route: Route) -> dict[str, Any]:
        targets = stored_targets(route)
        target = self.request.htmx.target  # type: ignore[attr-defined]
        if target == "route-circuits":
            return {"changes": _changes(targets)}
        if target == "route-kept":
            return self._kept(route)
        more = {} if target == "route-live" else {"changes": _changes(targets), **self._kept(route)}
        window = self.request.GET.get("window", "")
        window = window if window in WINDOWS else "15m"
        since = timezone.now() - timedelta(minutes=WINDOWS[window][1])
        runs = runs_over(route, self.workspace.scope(Run.objects.all()), since)
        traffic, states = by_target(runs), open_circuits(targets)
        effect = effect_now(self.workspace, route, targets, traffic, states)
        return {
            **more,
            "effect": effect,
            "split": split_of(route, runs, effect, traffic, states, since),
            "window": window,
            "window_label": WINDOWS[window][0],
            "windows": [(key, label) for key, (label, _) in WINDOWS.items()],
            "states": states,
            "may_see_costs": self.workspace.may(TenantPermission.VIEW_COSTS),
        }

    def _kept(self, route: Route) -> dict[str, Any]:
        costs = self.workspace.may(TenantPermission.VIEW_COSTS)
        return {
            "kept": kept_answers_of(self.workspace, route, self.request.GET.get("kept", ""), costs=costs),
            "alike": alike_of(self.workspace, route),
        }

    def _history(self, route: Route) -> dict[str, Any]:
        found = versions(route)
        return {
            "versions": [(version, differences(version.before, version.after)) for version in found],
            "seen": fingerprint(found[0].after) if found else "",
        }


def _changes(targets: Sequence[Target]) -> list[dict[str, Any]]:
    """Of the circuits of these targets, each with the tone of its new state."""
    ids = [str(target.pk) for target in targets]
    found = circuit_changes(ids, since=timezone.now() - PAST, most=MOST_CHANGES)
    return [{**change, "tone": BREAKER_TONES.get(change["new_state"], "neutral")} for change in found]


def version_or_404(route: Route, entry: str) -> Version:
    """The version that the URL names.

    Raises:
        Http404: there is none.
    """
    found = versions(route)
    for one in found:
        if str(one.entry) == entry:
            return one
    raise Http404("That version of the route is not known.")
