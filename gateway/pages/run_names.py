"""What the ids in runs are called, read for one page of rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.ids import uuids_in
from events.models import Run
from routing.models import Model, Provider, Route
from tenants.models import ApiKey, Tenant
from tenants.workspaces import Workspace

MOST_SUGGESTED = 200


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Names for the filters' suggestion lists."""

    tenants: Sequence[str]
    routes: Sequence[str]
    models: Sequence[str]
    providers: Sequence[str]
    keys: Sequence[str]


def name_runs(runs: Iterable[Run], workspace: Workspace) -> None:
    """Give each run ``tenant_name``, ``tenant_slug`` and ``key_name``; ids of what is gone stay ids. Two queries."""
    shown = list(runs)
    tenants = _tenants({run.tenant_id for run in shown}, workspace)
    keys = _keys({run.key_id for run in shown if run.key_id}, {run.tenant_id for run in shown})
    for run in shown:
        tenant = tenants.get(run.tenant_id)
        run.tenant_name = tenant.name if tenant else run.tenant_id  # type: ignore[attr-defined]
        run.tenant_slug = tenant.slug if tenant else ""  # type: ignore[attr-defined]
        run.key_name = keys.get(run.key_id or "", run.key_id or "")  # type: ignore[attr-defined]


def _tenants(ids: set[str], workspace: Workspace) -> dict[str, Tenant]:
    if workspace.tenant is not None:
        return {str(workspace.tenant.pk): workspace.tenant}
    return {str(row.pk): row for row in Tenant.objects.filter(pk__in=uuids_in(ids))}


def _keys(ids: set[str], tenants: set[str]) -> dict[str, str]:
    if not ids:
        return {}
    rows = ApiKey.objects.filter(pk__in=uuids_in(ids), tenant_id__in=uuids_in(tenants))
    return {str(key): name for key, name in rows.values_list("pk", "name")}


def key_ids_named(workspace: Workspace, reference: str) -> list[str]:
    """The ids of the workspace's keys with this id or name; none where there is no such key."""
    reference = reference.strip()
    rows = workspace.scope(ApiKey.objects.all())
    by_id = uuids_in([reference])
    rows = rows.filter(pk__in=by_id) if by_id else rows.filter(name__iexact=reference)
    return [str(key) for key in rows.values_list("pk", flat=True)[:MOST_SUGGESTED]]


def suggestions(workspace: Workspace) -> Suggestions:
    """What people can type into the filters; at most :data:`MOST_SUGGESTED` names each."""
    return Suggestions(
        tenants=_first(Tenant.objects.all(), "slug") if workspace.is_platform else (),
        routes=_first(_visible(Route.objects.all(), "tenant", workspace), "name"),
        models=_first(_visible(Model.objects.all(), "provider__tenant", workspace), "name"),
        providers=_first(_visible(Provider.objects.all(), "tenant", workspace), "name"),
        keys=_first(workspace.scope(ApiKey.objects.all()), "name"),
    )


def _visible(rows: Any, owner: str, workspace: Workspace) -> Any:
    """The tenant's own and the platform's; all on the platform."""
    if workspace.tenant is None:
        return rows
    return rows.filter(**{owner: workspace.tenant}) | rows.filter(**{f"{owner}__isnull": True})


def _first(rows: Any, field: str) -> list[str]:
    return list(rows.order_by(field).values_list(field, flat=True).distinct()[:MOST_SUGGESTED])


def tenant_names(workspace: Workspace) -> dict[str, str]:
    """Id → name of the tenants whose events can arrive on the platform, at most a thousand."""
    if workspace.tenant is not None:
        return {}
    return {str(pk): name for pk, name in Tenant.objects.order_by("name").values_list("pk", "name")[:1_000]}
