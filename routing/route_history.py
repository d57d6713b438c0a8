"""What a route was like before: its versions, worked out backwards from the audit log."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from routing.models import Route
from routing.route_design import ROUTE_FIELDS, TARGET_FIELDS, Design, stored_design
from tenants.audit import AuditEntry

MOST_VERSIONS = 50
_MOST_ENTRIES = 400
_TOGETHER = timedelta(seconds=2)
"""The management API and configuration files write one entry for each target; what came at once was one change."""


@dataclass(frozen=True, slots=True)
class Version:
    """The route as one change left it."""

    entry: int
    """Id of the audit entry (of several: the last)."""
    at: datetime
    actor: str
    action: str
    before: Design | None
    """None: there was no route before."""
    after: Design


def versions(route: Route) -> list[Version]:
    """The latest changes first, at most :data:`MOST_VERSIONS`."""
    design, found = stored_design(route), []
    for group in _together(_entries(route, design)):
        after = copy.deepcopy(design)
        created = any(entry.object_type == "route" and entry.action == "created" for entry in group)
        for entry in group:
            _undo(design, entry)
        newest = group[0]
        before = None if created else copy.deepcopy(design)
        if before != after:
            found.append(
                Version(newest.pk, newest.at, newest.actor, "created" if created else "updated", before, after)
            )
        if created or len(found) >= MOST_VERSIONS:
            break
    return found


def version(route: Route, entry: int) -> Version | None:
    """The one that this audit entry made."""
    return next((one for one in versions(route) if one.entry == entry), None)


def _entries(route: Route, design: Design) -> list[AuditEntry]:
    """Those of the route and of every target that it has or had, newest first."""
    owner = str(route.tenant_id) if route.tenant_id else ""
    mine = Q(object_type="route", object_id=str(route.pk))
    ids = {target["id"] for target in design["targets"]}
    past = AuditEntry.objects.filter(mine, tenant_ref=owner).values_list("before__targets", flat=True)
    for targets in past[:_MOST_ENTRIES]:
        ids |= {target["id"] for target in targets or ()}
    theirs = Q(object_type="target") & (
        Q(object_id__in=ids) | Q(before__route=str(route.pk)) | Q(after__route=str(route.pk))
    )
    rows = AuditEntry.objects.filter(mine | theirs, tenant_ref=owner)
    return list(rows.exclude(action="read").order_by("-id")[:_MOST_ENTRIES])


def _together(entries: Iterable[AuditEntry]) -> list[list[AuditEntry]]:
    groups: list[list[AuditEntry]] = []
    for entry in entries:
        last = groups[-1][-1] if groups else None
        if last is not None and last.actor == entry.actor and last.at - entry.at <= _TOGETHER and not _whole(last):
            groups[-1].append(entry)
        else:
            groups.append([entry])
    return groups


def _whole(entry: AuditEntry) -> bool:
    """Whether the entry is a change of the route with its targets: nothing else belongs to it."""
    return "targets" in entry.after or "targets" in entry.before


def _undo(design: Design, entry: AuditEntry) -> None:
    if entry.object_type == "route":
        design.update({name: entry.before[name] for name in (*ROUTE_FIELDS, "targets") if name in entry.before})
        return
    targets: list[dict[str, Any]] = design["targets"]
    present = next((target for target in targets if target["id"] == entry.object_id), None)
    if entry.action == "created":
        if present is not None:
            targets.remove(present)
    elif present is not None:
        present.update({name: entry.before[name] for name in TARGET_FIELDS if name in entry.before})
    elif entry.action == "deleted":
        fields = {name: entry.before.get(name) for name in TARGET_FIELDS}
        label = entry.object_name.partition(" → ")[2]
        targets.append({"id": entry.object_id, "model": entry.before["model"], "label": label, **fields})
    targets.sort(key=lambda target: (target["priority"], -target["weight"], target["id"]))
