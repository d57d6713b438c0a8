"""Providers: the list with their health, and one provider's page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.generic import TemplateView

from console.charts import Chart, Series
from console.timerange import TimeRange, time_range
from routing.models import Model, Provider, Route, Target
from routing.pages.circuit_changes import circuit_changes
from routing.pages.kinds import kinds
from routing.pages.price_words import shown_prices
from routing.pages.provider_activity import (
    Activity,
    activity,
    buckets,
    errors_by_kind,
    last_test,
    targets_by_provider,
)
from routing.pages.provider_health import ProviderNow, overview
from routing.trial import HINTS
from tenants.workspaces import WorkspacePage

MOST_PROVIDERS = 120
"""Cards on the list; further providers are found by searching."""
PAST = timedelta(days=7)
"""How far back errors, changes of circuits and tests are looked for."""
TABS = (("overview", "Overview"), ("models", "Models"), ("errors", "Errors and circuits"), ("settings", "Settings"))
STATES = {
    "healthy": ("Healthy or idle", {"ok", "idle"}),
    "trouble": ("In trouble", {"degraded", "open", "unknown"}),
    "off": ("Draining or off", {"draining", "off"}),
}


_ORDER = ("bad", "warn", "info", "good", "neutral")
"""Of the tones of health: what is in trouble comes first."""


class ProviderList(WorkspacePage, TemplateView):
    """Cards, read anew as attempts end and circuits move."""

    template_name = "console/providers/list.html"

    def get_template_names(self) -> list[str]:
        """The cards alone where htmx asks for them."""
        if self.request.htmx and self.request.htmx.target == "provider-cards":  # type: ignore[attr-defined]
            return ["console/providers/_cards.html"]
        return [self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The providers that the search and the filters leave, as they are now."""
        query = self.request.GET
        search, kind, state = (
            query.get("q", "").replace("\x00", "").strip()[:100],
            query.get("kind", ""),
            query.get("state", ""),
        )
        rows = self._rows(search, kind)
        now = overview(rows[:MOST_PROVIDERS], self.workspace)
        wanted = STATES[state][1] if state in STATES else None
        shown = [one for one in now.providers if wanted is None or one.health.key in wanted]
        shown.sort(key=lambda one: (_ORDER.index(one.health.tone), one.row.name.lower()))
        return super().get_context_data(
            now=now,
            providers=shown,
            more=len(rows) > MOST_PROVIDERS,
            any_provider=bool(rows) or bool(search or kind),
            search=search,
            kind=kind,
            state=state,
            kinds=kinds(),
            states=[(key, label) for key, (label, _) in STATES.items()],
            **kwargs,
        )

    def _rows(self, search: str, kind: str) -> list[Provider]:
        rows = provider_rows(self)
        if search:
            found = Q(name__icontains=search) | Q(base_url__icontains=search) | Q(tenant__name__icontains=search)
            rows = rows.filter(found | Q(models__name__icontains=search)).distinct()
        if kind:
            rows = rows.filter(kind=kind)
        return list(rows.order_by("-enabled", "name", "id")[: MOST_PROVIDERS + 1])


def provider_rows(page: WorkspacePage) -> QuerySet[Any]:
    """The providers that the workspace shows: all on the platform, a tenant's own in its portal."""
    counted = Count("models", distinct=True)
    rows: QuerySet[Any] = page.workspace.scope(Provider.objects.select_related("tenant"))
    found: QuerySet[Any] = rows.annotate(model_count=counted, target_count=Count("models__targets", distinct=True))
    return found


class ProviderPage(WorkspacePage, TemplateView):
    """One provider: health, models, what uses it, what went wrong."""

    template_name = "console/providers/page.html"

    def get_template_names(self) -> list[str]:
        """What of it htmx asks for."""
        if self.request.htmx and self.request.htmx.target == "provider-now":  # type: ignore[attr-defined]
            return ["console/providers/_now.html"]
        return [self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The part that the tab shows."""
        provider = get_object_or_404(provider_rows(self), pk=kwargs["pk"])
        tab = self.request.GET.get("tab", "overview")
        tab = tab if tab in dict(TABS) else "overview"
        now = overview([provider], self.workspace)
        shown = {
            "provider": provider,
            "now": now,
            "one": now.providers[0],
            "tab": tab,
            "tabs": TABS,
            "alone": self._routes_without_another(provider),
        }
        part = {"overview": self._overview, "models": self._models, "errors": self._errors, "settings": self._settings}
        shown["circuits"] = _circuit_words(now.providers[0]) if now.reachable else None
        return super().get_context_data(**shown, **part[tab](provider, now.providers[0]), **kwargs)

    # --- tabs

    def _overview(self, provider: Provider, one: ProviderNow) -> dict[str, Any]:
        chosen = time_range(self.request, default="1h")
        figures = self._activity(provider, chosen)
        models = list(provider.models.order_by("name"))
        return {
            "range": chosen,
            "figures": figures,
            "charts": _charts(figures, chosen),
            "users": self._users(provider, one),
            "models": [model for model in models if model.enabled],
            "test": self._last_test(provider),
        }

    def _models(self, provider: Provider, _one: ProviderNow) -> dict[str, Any]:
        rows = provider.models.annotate(target_count=Count("targets", distinct=True)).prefetch_related("prices")
        return {"models": shown_prices(list(rows.order_by("name")), provider)}

    def _errors(self, provider: Provider, _one: ProviderNow) -> dict[str, Any]:
        since, targets = timezone.now() - PAST, self._targets(provider)
        return {
            "errors": [
                {**kind, "hint": HINTS.get(kind["code"], "")}
                for kind in errors_by_kind(targets, tenant_id=self._tenant_id, since=since)
            ],
            "changes": circuit_changes(targets, since=since),
        }

    def _settings(self, provider: Provider, one: ProviderNow) -> dict[str, Any]:
        seconds = [
            ("Connect timeout", provider.connect_timeout_ms),
            ("First-token timeout", provider.first_token_timeout_ms),
            ("Attempt timeout", provider.timeout_ms),
        ]
        return {"timeouts": seconds, "test": self._last_test(provider)}

    # --- what the tabs share

    def _routes_without_another(self, provider: Provider) -> list[str]:
        """Routes that would have no target left without this provider."""
        elsewhere = Target.objects.filter(
            route=OuterRef("pk"), enabled=True, model__enabled=True, model__provider__enabled=True
        ).exclude(model__provider=provider)
        rows = Route.objects.filter(enabled=True, targets__model__provider=provider).exclude(Exists(elsewhere))
        return list(rows.order_by("name").values_list("name", flat=True).distinct()[:10])

    @property
    def _tenant_id(self) -> str | None:
        return None if self.workspace.tenant is None else str(self.workspace.tenant.pk)

    def _targets(self, provider: Provider) -> list[str]:
        return list(targets_by_provider([provider.pk]))

    def _activity(self, provider: Provider, chosen: TimeRange) -> Activity:
        targets = dict.fromkeys(self._targets(provider), str(provider.pk))
        found = activity(
            targets,
            tenant_id=self._tenant_id,
            since=chosen.start,
            until=chosen.end,
            step_s=chosen.step_s(60),
        )
        return found.get(str(provider.pk)) or Activity()

    def _users(self, provider: Provider, one: ProviderNow) -> list[dict[str, Any]]:
        """The routes' targets here, with their circuits, and the models that are called by name."""
        rows = Target.objects.filter(model__provider=provider).select_related("route__tenant", "model")
        found = [
            {"target": row, "route": row.route, "model": row.model, "state": one.targets.get(str(row.pk))}
            for row in rows.order_by("route__name", "priority", "-weight")
        ]
        direct = Model.objects.filter(provider=provider).order_by("name")
        return found + [
            {"target": None, "route": None, "model": row, "state": state}
            for row in direct
            if (state := one.targets.get(str(row.pk))) is not None and state.workers
        ]

    def _last_test(self, provider: Provider) -> dict[str, Any] | None:
        return last_test(str(provider.pk), tenant_id=str(provider.tenant_id or ""), since=timezone.now() - PAST)


def _charts(figures: Activity, chosen: TimeRange) -> dict[str, Chart]:
    times = buckets(chosen.start, chosen.end, chosen.step_s(60))
    pairs = list(zip(figures.calls_by_bucket, figures.failed_by_bucket, strict=True)) if figures.calls else []
    answered: list[int | None] = [calls - failed for calls, failed in pairs] or [None] * len(times)
    failed: list[int | None] = [failed for _, failed in pairs] or [None] * len(times)
    return {
        "calls": Chart(
            "Attempts",
            times,
            [Series("Answered", answered, "brand"), Series("Failed", failed, "bad")],
            kind="bars",
        ),
        "latency": Chart(
            "Latency of answered attempts",
            times,
            [Series("p50", figures.p50_by_bucket, "brand"), Series("p95", figures.p95_by_bucket, "amber")],
            unit="ms",
        ),
    }


def _circuit_words(one: ProviderNow) -> str:
    """How many are open, or that none is."""
    states = [target.state for target in one.targets.values()]
    refusing, probing = states.count("open"), states.count("half_open")
    if not refusing and not probing:
        return "All closed"
    return ", ".join(f"{count} {word}" for count, word in ((refusing, "open"), (probing, "probing")) if count)
