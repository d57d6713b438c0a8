"""Who has most of what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.urls import reverse

from console.charts import Bar
from contracts.ids import uuids_in
from controlplane.pages.overview_scope import OverviewScope
from events.traffic.measures import Kind
from events.traffic.reading import Ranked, Sums, ranking
from events.traffic.users import user_ranking
from tenants.models import ApiKey, Tenant
from tenants.service_key_rows import ServiceKey

RANKINGS = (("requests", "Requests"), ("cost", "Spend"), ("errors", "Errors"), ("latency", "Latency"))
"""What lists can be ordered by."""
_UNITS = {"requests": "number", "cost": "money", "errors": "number", "latency": "ms"}
_VALUES: dict[str, Callable[[Sums], int | float]] = {
    "requests": lambda sums: sums.requests,
    "cost": lambda sums: sums.cost_nanousd,
    "errors": lambda sums: sums.errors,
    "latency": lambda sums: round(sums.mean_ms or 0.0, 3),
}
MOST = 7


@dataclass(frozen=True, slots=True)
class TopList:
    """One ranking."""

    title: str
    rows: Sequence[Bar]
    unit: str
    hint: str = ""


def top_lists(shown: OverviewScope, by: str) -> list[TopList]:
    """Tenants on the platform or end users in a tenant, models, routes, keys."""
    found = [_tenants(shown, by)] if shown.workspace.is_platform else []
    found += [_named(shown, by, Kind.MODEL, "model"), _named(shown, by, Kind.ROUTE, "route"), _keys(shown, by)]
    if shown.workspace.tenant is not None:
        found.append(_users(shown, by, str(shown.workspace.tenant.pk)))
    return found


def _list(title: str, rows: Iterable[Bar], by: str) -> TopList:
    hint = {"latency": "on average", "errors": "failed calls"}.get(by, "")
    return TopList(title, list(rows), _UNITS[by], hint)


def _bar(one: Ranked, by: str, label: str, url: str, detail: str = "") -> Bar:
    colour = "bad" if by == "errors" else "amber" if by == "latency" else "teal" if by == "cost" else "brand"
    if by == "errors" and not detail:
        detail = f"of {one.sums.requests:,}"
    return Bar(label, _VALUES[by](one.sums), url, colour, detail)


def _filters(by: str, **more: str) -> dict[str, str]:
    return {**more, "status": "failed"} if by == "errors" else more


def _tenants(shown: OverviewScope, by: str) -> TopList:
    ranked = ranking(shown.scope, Kind.TENANT, shown.stretch, by, MOST)
    known = {str(row.pk): row for row in Tenant.objects.filter(pk__in=uuids_in(one.part for one in ranked))}
    rows = []
    for one in ranked:
        tenant = known.get(one.part)
        url = ""
        if tenant is not None:
            url = f"{reverse('portal:home', kwargs={'tenant': tenant.slug})}?{shown.range.query}"
        rows.append(_bar(one, by, tenant.name if tenant else "Deleted tenant", url))
    return _list("Tenants", rows, by)


def _named(shown: OverviewScope, by: str, kind: Kind, parameter: str) -> TopList:
    ranked = ranking(shown.scope, kind, shown.stretch, by, MOST)
    rows = [
        _bar(
            one,
            by,
            one.part or f"No {parameter}",
            shown.requests(**_filters(by, **{parameter: one.part})) if one.part else "",
        )
        for one in ranked
    ]
    return _list(f"{parameter.capitalize()}s", rows, by)


def _keys(shown: OverviewScope, by: str) -> TopList:
    ranked = ranking(shown.scope, Kind.KEY, shown.stretch, by, MOST)
    names = key_names(shown, [one.part for one in ranked])
    rows = []
    for one in ranked:
        name, tenant = names.get(one.part, ("Deleted key", ""))
        rows.append(_bar(one, by, name, shown.requests(**_filters(by, key=one.part)), tenant))
    return _list("Keys", rows, by)


def _users(shown: OverviewScope, by: str, tenant_id: str) -> TopList:
    ranked = user_ranking(tenant_id, shown.stretch, by, MOST)
    rows = [_bar(one, by, one.part, shown.requests(**_filters(by, user=one.part))) for one in ranked]
    return _list("End users", rows, by)


def key_names(shown: OverviewScope, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Name, and on the platform the tenant's, of keys and service keys by id."""
    wanted = uuids_in(ids)
    keys = shown.workspace.scope(ApiKey.objects.filter(pk__in=wanted)).select_related("tenant")
    found = {str(key.pk): (key.name, key.tenant.name if shown.workspace.is_platform else "") for key in keys}
    missing = [key for key in wanted if str(key) not in found]
    if missing and shown.workspace.is_platform:
        found |= {
            str(pk): (name, "Service key")
            for pk, name in ServiceKey.objects.filter(pk__in=missing).values_list("pk", "name")
        }
    return found
