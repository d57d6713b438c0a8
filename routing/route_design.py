"""A route as people design it: its own fields and its targets as one, changed in one audited step."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction

from contracts.tenant_scope import across_tenants
from routing.kept_answers import CACHE_FIELDS
from routing.models import Route, Target
from routing.services import TargetChoice, fill_target
from tenants.audit import AuditEntry
from tenants.changes import record_change, snapshot, with_fields

Design = dict[str, Any]
"""A route as JSON: its fields by name, and under ``targets`` a list of theirs, in the order in which they are tried."""

ATTEMPT_FIELDS = (
    "retry_max_attempts",
    "retry_per_target",
    "retry_base_ms",
    "retry_cap_ms",
    "total_timeout_ms",
    "max_latency_ms",
    "hedge",
    "sticky_by_user",
)
"""How often, how long and in which way targets are tried."""
ROUTE_FIELDS = (
    "name",
    "enabled",
    "strategy",
    "is_default",
    "order",
    "match_modes",
    "match_tags",
    "match_headers",
    *ATTEMPT_FIELDS,
    *CACHE_FIELDS,
)
BREAKER_FIELDS = tuple(field.name for field in Target._meta.concrete_fields if field.name.startswith("breaker_"))
TARGET_FIELDS = ("priority", "weight", "enabled", "drop_params", *BREAKER_FIELDS)

CHANGED_MEANWHILE = "changed_meanwhile"
"""Code of the error where somebody else was faster."""


def design_of(route: Route, targets: Sequence[Target]) -> Design:
    """The route and these targets of it, as they are in memory."""
    values = snapshot(route)
    design: Design = {name: values[name] for name in ROUTE_FIELDS}
    design["targets"] = [_target(row) for row in sorted(targets, key=_order)]
    return design


def _order(row: Target) -> tuple[int, int, uuid.UUID]:
    return row.priority, -row.weight, row.pk


def _target(row: Target) -> dict[str, Any]:
    values = snapshot(row)
    return {
        "id": str(row.pk),
        "model": str(row.model_id),
        "label": str(row.model),
        **{name: values[name] for name in TARGET_FIELDS},
    }


def stored_targets(route: Route) -> list[Target]:
    """The route's targets with their models and prices, in the order in which people see them."""
    rows = route.targets.select_related("model__provider").prefetch_related("model__prices")
    return list(rows.order_by("priority", "-weight", "id"))


def stored_design(route: Route) -> Design:
    """The route as it is in the database."""
    return design_of(route, stored_targets(route))


def fingerprint(design: Design) -> str:
    """Tells two designs apart: whoever edits says which one they saw."""
    return hashlib.sha256(msgspec.json.encode(design, order="deterministic")).hexdigest()[:16]


@transaction.atomic
def save_design(
    *, route: Route, fields: Mapping[str, Any], targets: Sequence[TargetChoice], seen: str | None = None
) -> bool:
    """Give the route these fields and exactly these targets, as one change; whether that changed anything.

    A route that is not saved yet is created. A target whose model stays keeps its id, and with it its breaker and its
    statistics. ``seen`` is the fingerprint of the design that was edited.

    Raises:
        ValidationError: a field is not valid, the name is taken, a target is at another tenant's provider; or, with
            the code :data:`CHANGED_MEANWHILE`, the route is not any more as it was seen.
    """
    creating = route._state.adding
    before = {} if creating else _locked(route, seen)
    with_fields(route, fields)
    route.full_clean()
    route.save(force_insert=creating)
    _write_targets(route, targets)
    after = stored_design(route)
    changed = [name for name in after if creating or after[name] != before[name]]
    if not changed:
        return False
    record_change(
        route,
        AuditEntry.Action.CREATED if creating else AuditEntry.Action.UPDATED,
        before={name: before[name] for name in changed if name in before},
        after={name: after[name] for name in changed},
    )
    return True


def _locked(route: Route, seen: str | None) -> Design:
    """The design in the database, held until the end of the transaction."""
    with across_tenants("the stored state of the very route that is being saved"):
        stored = Route.objects.select_for_update().get(pk=route.pk)
        design = stored_design(stored)
    if seen is not None and fingerprint(design) != seen:
        raise ValidationError(
            "Somebody changed this route since you opened it. Open it anew, and make your change again.",
            code=CHANGED_MEANWHILE,
        )
    return design


def _write_targets(route: Route, targets: Sequence[TargetChoice]) -> None:
    present = {target.model_id: target for target in route.targets.select_related("model__provider")}
    for model_id, target in present.items():
        if model_id not in {choice.model.pk for choice in targets}:
            target.delete()
    for choice in targets:
        target = present.get(choice.model.pk) or Target(route=route, model=choice.model)
        if fill_target(target, choice):
            target.full_clean()
            target.save(force_insert=target._state.adding)
