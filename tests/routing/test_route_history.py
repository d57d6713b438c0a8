"""Versions of a route, worked out of the audit log."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from contracts.tenant_scope import across_tenants
from routing.models import Model, Route, Target
from routing.route_design import ROUTE_FIELDS, design_of, save_design, stored_design
from routing.route_history import versions
from routing.route_put_back import put_back, serves_alike
from routing.services import TargetChoice, delete_model, set_targets, update_route
from tenants.audit import AuditEntry
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


def test_a_version_is_put_back_with_its_targets_and_leaves_name_and_matches_alone() -> None:
    large, small = make_models("large", "small")
    route = make_route(models=[large, small])
    was = stored_design(route)
    kept = str(route.targets.get(model=large).pk)
    fields = {**fields_of(route), "strategy": "weighted", "hedge": True, "match_tags": {"team": "search"}}
    save_design(route=route, fields=fields, targets=[TargetChoice(model=large, weight=9, breaker={"open_s": 5.0})])
    entries = AuditEntry.objects.count()

    assert put_back(route=route, design=was)

    now = stored_design(Route.objects.get(pk=route.pk))
    assert serves_alike(now, was)
    assert (now["strategy"], now["hedge"], now["match_tags"]) == ("priority", False, {"team": "search"})
    assert now["targets"][0]["id"] == kept
    assert AuditEntry.objects.count() == entries + 1
    before = versions(route)[0].before
    assert before is not None
    assert serves_alike(before, {**was, "strategy": "weighted", **_of(fields, large)})


def _of(fields: dict[str, object], model: Model) -> dict[str, object]:
    """The experiment, as the audit log has to remember it."""
    row = Route(name="x", **{name: fields[name] for name in ("strategy", "hedge")})
    target = Target(route=row, model=model, weight=9, breaker_open_s=5.0)
    design = design_of(row, [target])
    return {"targets": design["targets"], "hedge": True}


def test_putting_back_what_is_so_already_changes_nothing() -> None:
    route = make_route()
    entries = AuditEntry.objects.count()

    assert not put_back(route=route, design=stored_design(route))
    assert AuditEntry.objects.count() == entries


def test_a_version_whose_model_is_gone_is_refused_and_nothing_is_changed() -> None:
    large, small = make_models("large", "small")
    route = make_route(models=[large, small])
    was = stored_design(route)
    with across_tenants("a test"):
        set_targets(route=route, targets=[TargetChoice(model=large)])
        delete_model(model=small)
    now = stored_design(route)

    with pytest.raises(ValidationError, match="upstream/small is not there any more"):
        put_back(route=route, design=was)
    assert stored_design(route) == now
