"""An experiment on a route is taken back when an alert follows it, and only then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from alerting.actions.rows import ActionRun, AlertAction
from alerting.actions.undoing import undo
from routing import route_history
from routing.models import Route
from routing.route_design import Design, save_design, stored_design, stored_targets
from routing.route_history import Version
from routing.route_put_back import SERVING_FIELDS, serves_alike
from routing.services import TargetChoice, delete_model, update_route
from tenants.audit import AuditEntry
from tests.alerting.action_rows import fire, look, make_action, make_route, runs_of, target_of
from tests.tenants.factories import make_tenant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

Ages = Callable[..., None]


@pytest.fixture(autouse=True)
def _redis_answers() -> None:
    """A reader that met a dead Redis in another test would ask nobody for five seconds."""
    from routing import admin_health

    admin_health._reader.cache_clear()


@pytest.fixture(autouse=True)
def ages(monkeypatch: pytest.MonkeyPatch) -> Ages:
    """Says how many minutes ago the newest changes of routes were made, the last first; all others were days ago."""
    minutes: list[float] = []

    def aged(route: Route) -> list[Version]:
        given = [*minutes, *[10_000.0] * 100]
        found = route_history.versions(route)
        now = timezone.now()
        return [replace(one, at=now - timedelta(minutes=ago)) for one, ago in zip(found, given, strict=False)]

    monkeypatch.setattr("routing.route_history._TOGETHER", timedelta(seconds=-1))
    monkeypatch.setattr("alerting.actions.routes_kind.versions", aged)
    return lambda *given: minutes.__setitem__(slice(None), given)


def design_of(route: Route) -> Design:
    return stored_design(Route.objects.get(pk=route.pk))


def experiment(route: Route, **weights: int) -> None:
    """The models share out the calls so."""
    design = design_of(route)
    fields = {name: design[name] for name in SERVING_FIELDS} | {"strategy": "weighted"}
    models = {row.model.name: row.model for row in stored_targets(route)}
    choices = [TargetChoice(model=models[name], weight=weight) for name, weight in weights.items()]
    save_design(route=Route.objects.get(pk=route.pk), fields=fields, targets=choices)


def the_run(tenant: Any) -> ActionRun:
    (run,) = runs_of(tenant)
    return run


def test_an_experiment_is_taken_back_and_goes_on_again(acme, ages: Ages):
    route = make_route(acme, "large", "small")
    before = design_of(route)
    make_action(acme, kind="roll_back_route", route=route)
    experiment(route, large=1, small=1)
    tried = design_of(route)
    ages(20)
    fire(acme, ago=timedelta(minutes=5))

    assert look() == 1
    assert serves_alike(design_of(route), before)
    run = the_run(acme)
    assert (run.state, run.text) == ("done", "Put route chat back to what it was 60 min before the alert.")
    by = AuditEntry.objects.filter(tenant_ref=str(acme.pk), object_type="route").latest("id")
    assert by.actor == f"alert “{run.alert.name}”"
    assert by.after["strategy"] == "priority"

    assert undo(run=run, now=timezone.now()).state == "undone"
    assert serves_alike(design_of(route), tried)


def test_all_steps_of_an_experiment_are_taken_back_together(acme, ages: Ages):
    route = make_route(acme, "large", "small")
    before = design_of(route)
    make_action(acme, kind="roll_back_route", route=route)
    experiment(route, large=9, small=1)
    experiment(route, large=5, small=5)
    ages(10, 40)
    fire(acme)

    assert look() == 1
    assert serves_alike(design_of(route), before)


def test_an_older_step_stays_where_only_the_last_one_is_new(acme, ages: Ages):
    route = make_route(acme, "large", "small")
    make_action(acme, kind="roll_back_route", route=route, within_minutes=30)
    experiment(route, large=9, small=1)
    first_step = design_of(route)
    experiment(route, large=5, small=5)
    ages(10, 40)
    fire(acme)
    look()

    assert serves_alike(design_of(route), first_step)


@pytest.mark.parametrize(
    ("changed", "began", "said"),
    [
        ((70,), 5, "It was not changed in the 60 min before the alert began: it is not what changed."),
        ((1,), 30, "It was changed after the alert had begun: whoever did that is at it."),
        ((5, 5, 5, 5), 1, "It was made only then: there is nothing to go back to."),
    ],
)
def test_what_is_not_to_blame_is_left_alone(acme, ages: Ages, changed: tuple[int, ...], began: int, said: str):
    route = make_route(acme, "large", "small")
    make_action(acme, kind="roll_back_route", route=route)
    experiment(route, large=1, small=1)
    tried = design_of(route)
    ages(*changed)
    fire(acme, ago=timedelta(minutes=began))

    assert look() == 0
    assert the_run(acme).text.endswith(said)
    assert design_of(route) == tried


def test_a_change_that_moves_no_call_is_no_experiment(acme, ages: Ages):
    route = make_route(acme, "large", "small")
    make_action(acme, kind="roll_back_route", route=route)
    update_route(route=route, match_tags={"team": "search"})
    ages(5)
    fire(acme)

    assert look() == 0
    assert "It was not changed" in the_run(acme).text


def test_what_was_taken_back_by_hand_is_not_taken_back_again(acme, ages: Ages):
    route = make_route(acme, "large", "small")
    make_action(acme, kind="roll_back_route", route=route)
    experiment(route, large=9, small=1)
    experiment(route, large=5, small=5)
    experiment(route, large=9, small=1)
    ages(5, 10)
    fire(acme)

    assert look() == 0
    assert "is back already" in the_run(acme).text


def test_what_another_alert_did_is_no_experiment(acme, ages: Ages):
    route = make_route(acme, "large", "small")
    make_action(acme, name="Drain", kind="drain_target", target=target_of(route, "large"))
    fire(acme, ago=timedelta(minutes=12))
    assert look() == 1
    AlertAction.objects.filter(tenant=acme).update(enabled=False)
    make_action(acme, name="Roll back", kind="roll_back_route", route=route)
    ages(10)
    second = fire(acme)

    assert look() == 0
    run = next(one for one in runs_of(acme) if one.alert_id == second.pk)
    assert "An alert changed it shortly before" in run.text
    assert not target_of(route, "large").enabled


def test_a_route_is_not_put_back_to_a_model_that_is_gone(acme, ages: Ages):
    route = make_route(acme, "large", "small")
    make_action(acme, kind="roll_back_route", route=route)
    small = target_of(route, "small").model
    experiment(route, large=1)
    delete_model(model=small)
    ages(5)
    fire(acme)

    assert look() == 0
    assert "chat-provider/small is not there any more" in the_run(acme).text


def test_a_route_is_not_put_back_to_targets_whose_circuits_are_open(acme, ages: Ages, redis_client):
    route = make_route(acme, "large")
    make_action(acme, kind="roll_back_route", route=route)
    experiment(route, large=3)
    ages(5)
    redis_client.hset(f"breaker:{target_of(route, 'large').pk}", "state", "open")
    fire(acme)

    assert look() == 0
    assert "circuits of all other targets are open" in the_run(acme).text


def test_what_somebody_changed_since_stays(acme, ages: Ages):
    route = make_route(acme, "large", "small")
    make_action(acme, kind="roll_back_route", route=route)
    experiment(route, large=1, small=1)
    ages(5)
    fire(acme)
    look()
    experiment(route, large=7, small=3)
    theirs = design_of(route)

    assert undo(run=the_run(acme), now=timezone.now()).state == "superseded"
    assert design_of(route) == theirs


def test_a_dry_run_says_what_it_would_take_back(acme, ages: Ages):
    route = make_route(acme, "large", "small")
    make_action(acme, kind="roll_back_route", route=route, dry_run=True)
    experiment(route, large=1, small=1)
    tried = design_of(route)
    ages(5)
    fire(acme)
    look()

    assert the_run(acme).text.endswith("It would have: Put route chat back to what it was 60 min before the alert.")
    assert design_of(route) == tried


def test_only_routes_of_ones_own_are_put_back(acme):
    theirs = make_route(make_tenant(slug="else"), "large", name="theirs")
    shared = make_route(None, "large", name="shared")
    for route in (theirs, shared):
        with pytest.raises(ValidationError, match="somebody else"):
            make_action(acme, kind="roll_back_route", route=route)
    with pytest.raises(ValidationError, match="Say which"):
        make_action(acme, kind="roll_back_route")
