"""Versions of a route, worked out of the audit log."""

from __future__ import annotations

import pytest

from contracts.tenant_scope import across_tenants
from routing.models import Route
from routing.route_design import ROUTE_FIELDS, save_design, stored_design
from routing.route_history import versions
from routing.services import TargetChoice, set_targets, update_route
from tests.routing.pages.route_rows import make_models, make_route

pytestmark = pytest.mark.django_db


def fields_of(route: Route) -> dict[str, object]:
    design = stored_design(route)
    return {name: design[name] for name in ROUTE_FIELDS}


def test_every_version_is_what_the_route_was_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.route_history._TOGETHER", -1)
    monkeypatch.setattr("routing.route_history._together", lambda entries: [[entry] for entry in entries])
    large, small, other = make_models("large", "small", "other")
    route = Route()
    told = []

    def save(*targets: TargetChoice, **changes: object) -> None:
        base = fields_of(route) if not route._state.adding else {"name": "chat", "strategy": "priority"}
        save_design(route=route, fields={**base, **changes}, targets=targets)
        told.append(stored_design(route))

    save(TargetChoice(model=large))
    save(TargetChoice(model=large), TargetChoice(model=small, priority=1))
    save(TargetChoice(model=small, weight=7), strategy="weighted")
    save(TargetChoice(model=small), TargetChoice(model=other), match_tags={"team": "search"})

    found = versions(route)

    assert [version.after for version in found] == told[::-1]
    assert [version.before for version in found] == [*told[:-1][::-1], None]


def test_changes_by_other_ways_are_versions_as_well() -> None:
    route = make_route()
    large = route.targets.get(priority=0).model
    first = stored_design(route)
    with across_tenants("a test"):
        set_targets(route=route, targets=[TargetChoice(model=large, weight=9)])
        update_route(route=route, hedge=True)

    newest = versions(route)[0]

    assert newest.after == stored_design(route)
    assert newest.before is None or newest.before["targets"] == first["targets"]
