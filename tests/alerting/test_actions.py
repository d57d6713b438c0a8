"""What alerts do by themselves: for real, within limits, once, and undone without undoing what people did since."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from alerting import incidents
from alerting.actions import acting
from alerting.actions.rows import ActionRun, AlertAction
from alerting.actions.services import delete_action, save_action
from alerting.actions.undoing import undo
from alerting.incident_rows import IncidentEntry
from guardrails.services import publish, replace_rules, roll_back
from routing.circuits import stamp_of
from routing.route_design import save_design, stored_targets
from routing.services import TargetChoice, set_enabled, update_model
from tenants.actor import acting_as
from tenants.audit import AuditEntry
from tenants.models import Tenant
from tests.alerting.action_rows import fire, look, make_action, make_route, runs_of, target_of
from tests.alerting.alert_rows import make_rule
from tests.guardrails.policy_rows import make_policy, words_rule
from tests.tenants.factories import make_tenant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


@pytest.fixture(autouse=True)
def _redis_answers() -> None:
    """A reader that met a dead Redis in another test would ask nobody for five seconds."""
    from routing import admin_health

    admin_health._reader.cache_clear()


def the_run(tenant: Tenant | None) -> ActionRun:
    (run,) = runs_of(tenant)
    return run


def entries(run: ActionRun) -> list[tuple[str, str]]:
    rows = IncidentEntry.objects.filter(tenant=run.tenant_id, incident=run.incident)
    return list(rows.filter(kind__in=("action", "action_undone")).values_list("kind", "text"))


def test_a_drained_target_is_off_and_said_so_everywhere(acme, django_capture_on_commit_callbacks, monkeypatch):
    told: list[Any] = []
    monkeypatch.setattr("alerting.actions.telling.emit", lambda event, _context: told.append(event))
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"))
    alert = fire(acme)
    with django_capture_on_commit_callbacks(execute=True):
        assert look() == 1

    assert not target_of(route, "large").enabled
    run = the_run(acme)
    assert (run.state, run.alert_id) == ("done", alert.pk)
    assert entries(run) == [("action", "Drain chat → chat-provider/large.")]
    assert [(event.event_type, event.outcome) for event in told] == [("alert.action.taken", "done")]
    by = AuditEntry.objects.filter(tenant_ref=str(acme.pk), object_type="target").latest("id")
    assert (by.actor, by.after) == (f"alert “{alert.name}”", {"enabled": False})
    assert AuditEntry.objects.filter(tenant_ref=str(acme.pk), object_type="actionrun").count() == 1


def test_it_is_done_once_however_often_one_looks(acme):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"))
    fire(acme)
    look()
    set_enabled(rows=[target_of(route, "large")], enabled=True)

    assert look() == 0
    assert target_of(route, "large").enabled
    assert len(runs_of(acme)) == 1


def test_whoever_dies_in_the_middle_has_done_nothing_and_the_next_one_does_it(acme, monkeypatch):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"))
    fire(acme)

    def dies(*_: object) -> None:
        raise SystemError

    with monkeypatch.context() as dying:
        dying.setattr(acting, "tell_taken", dies)
        assert look() == 0
    assert target_of(route, "large").enabled
    assert runs_of(acme) == []

    assert look() == 1
    assert not target_of(route, "large").enabled


def test_a_dry_run_changes_nothing_and_says_what_it_would_have_done(acme):
    route = make_route(acme, "large", "small")
    action = make_action(acme, target=target_of(route, "large"), dry_run=True)
    fire(acme)
    look()

    assert AlertAction(tenant=acme).dry_run
    assert target_of(route, "large").enabled
    run = the_run(acme)
    assert run.state == "would"
    assert "would have: Drain chat → chat-provider/large" in run.text
    with pytest.raises(ValidationError, match="nothing to undo"):
        undo(run=run, now=timezone.now())
    assert action.runs.get() == run


def test_the_alert_has_to_hold_for_a_while(acme):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"), after_minutes=10)
    fire(acme, ago=timedelta(minutes=9))

    assert look() == 0
    assert look(timezone.now() + timedelta(minutes=1, seconds=1)) == 1


def test_an_alert_that_is_over_is_left_alone(acme):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"), after_minutes=1)
    alert = fire(acme)
    incidents.close_alert(alert=alert, at=timezone.now())

    assert look(timezone.now() + timedelta(minutes=5)) == 0


@pytest.mark.parametrize(
    ("severity", "from_severity", "taken"), [("warning", "critical", 0), ("critical", "warning", 1)]
)
def test_it_is_for_alerts_of_a_severity(acme, severity: str, from_severity: str, taken: int):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"), from_severity=from_severity)
    fire(acme, severity=severity)

    assert look() == taken


def test_it_is_for_its_rule_and_for_its_tenant(acme):
    route = make_route(acme, "large", "small")
    mine, other = make_rule(acme, name="Mine"), make_rule(acme, name="Other")
    make_action(acme, target=target_of(route, "large"), rule=mine)
    fire(acme, rule=other)
    fire(make_tenant(slug="else"))
    fire(None)
    assert look() == 0

    fire(acme, rule=mine)
    assert look() == 1


def test_in_a_silence_nothing_is_done(acme):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"))
    alert = fire(acme)
    alert.incident.silenced = True
    alert.incident.save()

    assert look() == 0


def test_the_last_healthy_target_is_never_drained(acme):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"))
    small = target_of(route, "small")
    update_model(model=small.model, enabled=False)
    fire(acme)
    assert look() == 0
    assert look() == 0

    assert target_of(route, "large").enabled
    run = the_run(acme)
    assert run.state == "refused"
    assert entries(run) == [
        ("action", "Drain chat → chat-provider/large: not done. No other target would be left that is on.")
    ]

    update_model(model=target_of(route, "small").model, enabled=True)
    assert look() == 1
    assert the_run(acme).state == "done"


def test_a_target_whose_circuit_is_open_is_not_healthy(acme, redis_client):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"))
    redis_client.hset(f"breaker:{target_of(route, 'small').pk}", mapping={"state": "open", "stamp": "w:1"})
    fire(acme)

    assert look() == 0
    assert the_run(acme).text.endswith("The circuits of all other targets are open.")


def test_two_actions_do_not_drain_a_route_together(acme):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"))
    make_action(acme, name="Other", target=target_of(route, "small"))
    fire(acme)

    assert look() == 1
    assert [target_of(route, name).enabled for name in ("large", "small")].count(True) == 1


def test_it_is_taken_so_often_an_hour_and_rests_in_between(acme):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"), max_per_hour=1, cooldown_minutes=0)
    fire(acme)
    now = timezone.now()
    look(now)
    set_enabled(rows=[target_of(route, "large")], enabled=True)
    fire(acme)

    assert look(now + timedelta(minutes=10)) == 0
    assert target_of(route, "large").enabled
    assert runs_of(acme)[0].text.endswith("It was taken once within the hour, which is the limit.")
    assert look(now + timedelta(minutes=61)) == 1


def test_undone_it_is_as_it_was(acme):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"))
    fire(acme)
    look()
    with acting_as("ada"):
        run = undo(run=the_run(acme), now=timezone.now())

    assert target_of(route, "large").enabled
    assert (run.state, run.undone_by) == ("undone", "ada")
    assert entries(run)[-1] == ("action_undone", "Drain: undone")
    with pytest.raises(ValidationError):
        undo(run=run, now=timezone.now())


def test_what_a_person_did_since_survives_the_undo(acme):
    """Switched on and off again: it looks as the action left it, and is a person's choice all the same."""
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"))
    fire(acme)
    look()
    set_enabled(rows=[target_of(route, "large")], enabled=True)
    set_enabled(rows=[target_of(route, "large")], enabled=False)
    run = undo(run=the_run(acme), now=timezone.now())

    assert run.state == "superseded"
    assert not target_of(route, "large").enabled
    assert entries(run)[-1] == ("action_undone", "Drain: Somebody changed it since: it is left as it is.")


def test_a_change_in_the_routes_editor_counts_as_one_too(acme):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"))
    fire(acme)
    look()

    def saved(*, weight: int, enabled: bool) -> None:
        choices = [
            TargetChoice(model=row.model, priority=row.priority, weight=weight, enabled=enabled or row.enabled)
            for row in stored_targets(route)
        ]
        save_design(route=route, fields={}, targets=choices)

    saved(weight=3, enabled=False)
    run = the_run(acme)
    saved(weight=3, enabled=True)

    assert undo(run=run, now=timezone.now()).state == "superseded"
    assert target_of(route, "large").enabled


def test_another_change_of_the_route_does_not_keep_it_from_being_undone(acme):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"))
    fire(acme)
    look()
    choices = [
        TargetChoice(model=row.model, priority=row.priority, weight=7, enabled=row.enabled)
        for row in stored_targets(route)
    ]
    save_design(route=route, fields={}, targets=choices)

    assert undo(run=the_run(acme), now=timezone.now()).state == "undone"
    assert (target_of(route, "large").enabled, target_of(route, "large").weight) == (True, 7)


def test_it_ends_with_its_alert_where_that_is_wanted(acme):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"), undo_on_clear=True)
    alert = fire(acme)
    look()
    look()
    assert not target_of(route, "large").enabled
    incidents.close_alert(alert=alert, at=timezone.now())
    look()

    assert target_of(route, "large").enabled
    assert (the_run(acme).state, the_run(acme).undone_by) == ("undone", f"alert “{alert.name}”")


def test_a_degraded_route_is_served_by_the_targets_chosen_for_it(acme):
    route = make_route(acme, "large", "medium", "small")
    set_enabled(rows=[target_of(route, "small")], enabled=False)
    make_action(acme, kind="degrade_route", keep=[target_of(route, "small").pk])
    fire(acme)
    look()
    on = {name: target_of(route, name).enabled for name in ("large", "medium", "small")}
    assert on == {"large": False, "medium": False, "small": True}
    assert the_run(acme).text == "Serve chat by chat-provider/small alone."

    undo(run=the_run(acme), now=timezone.now())
    on = {name: target_of(route, name).enabled for name in ("large", "medium", "small")}
    assert on == {"large": True, "medium": True, "small": False}


def test_a_circuit_is_opened_for_all_workers_and_closed_again(acme, redis_client):
    route = make_route(acme, "large", "small")
    large = target_of(route, "large")
    make_action(acme, kind="open_breaker", target=large, open_minutes=10)
    fire(acme)
    look()
    key = f"breaker:{large.pk}"
    assert redis_client.hget(key, "state") == b"open"
    assert 9 * 60_000 < redis_client.pttl(key) <= 10 * 60_000

    assert undo(run=the_run(acme), now=timezone.now()).state == "undone"
    assert redis_client.hget(key, "state") == b"closed"


def test_a_circuit_that_moved_since_is_left_as_it_is(acme, redis_client):
    route = make_route(acme, "large", "small")
    large = target_of(route, "large")
    make_action(acme, kind="open_breaker", target=large)
    fire(acme)
    look()
    redis_client.hset(f"breaker:{large.pk}", "stamp", "worker:7")

    assert undo(run=the_run(acme), now=timezone.now()).state == "superseded"
    assert stamp_of(str(large.pk)) == "worker:7"


def published_twice(tenant: Tenant | None) -> Any:
    policy = make_policy(tenant, "terms", words_rule("one", "alpha"))
    publish(policy=policy, mode="enforce")
    replace_rules(policy=policy, rules=[words_rule("one", "beta")])
    publish(policy=policy, mode="enforce")
    return policy


def test_a_policy_goes_back_to_the_version_before_and_forth_again(acme):
    policy = published_twice(acme)
    make_action(acme, kind="roll_back_policy", policy=policy)
    fire(acme)
    look()
    policy.refresh_from_db()
    assert policy.live_version == 1

    assert undo(run=the_run(acme), now=timezone.now()).state == "undone"
    policy.refresh_from_db()
    assert policy.live_version == 2


def test_a_version_that_somebody_chose_since_stays(acme):
    policy = published_twice(acme)
    make_action(acme, kind="roll_back_policy", policy=policy)
    fire(acme)
    look()
    roll_back(policy=policy, number=2)
    roll_back(policy=policy, number=1)

    assert undo(run=the_run(acme), now=timezone.now()).state == "superseded"
    policy.refresh_from_db()
    assert policy.live_version == 1


def test_a_version_that_is_not_new_is_not_blamed(acme):
    make_action(acme, kind="roll_back_policy", policy=published_twice(acme))
    fire(acme)
    tomorrow = timezone.now() + timedelta(hours=25)
    with patch("alerting.actions.policies_kind.timezone.now", return_value=tomorrow):
        assert look(tomorrow) == 0

    assert the_run(acme).text.endswith("Version 2 is older than a day: it is not what changed.")


def test_only_what_is_ones_own_is_acted_upon(acme):
    theirs = make_route(make_tenant(slug="else"), "large", "small", name="theirs")
    shared = make_route(None, "large", "small", name="shared")
    for route in (theirs, shared):
        with pytest.raises(ValidationError, match="somebody else"):
            make_action(acme, target=target_of(route, "large"))
    with pytest.raises(ValidationError, match="targets of yours"):
        make_action(acme, kind="degrade_route", keep=[target_of(theirs, "large").pk])
    with pytest.raises(ValidationError, match="somebody else"):
        make_action(acme, kind="roll_back_policy", policy=published_twice(None))


def test_whoever_sets_it_up_must_be_allowed_to_change_the_thing_itself(acme):
    route = make_route(acme, "large", "small")

    def alerts_only(permission: str) -> bool:
        return permission == "manage_alerts"

    with pytest.raises(ValidationError, match="routes"):
        save_action(
            action=AlertAction(tenant=acme),
            may=alerts_only,
            name="Drain",
            kind="drain_target",
            target=target_of(route, "large"),
        )


def test_actions_of_the_platform_act_on_shared_routes(acme):
    shared = make_route(None, "large", "small", name="shared")
    make_action(None, target=target_of(shared, "large"))
    fire(acme)
    assert look() == 0
    fire(None)

    assert look() == 1
    assert not target_of(shared, "large").enabled


def test_what_was_done_outlives_the_action(acme):
    route = make_route(acme, "large", "small")
    action = make_action(acme, target=target_of(route, "large"))
    fire(acme)
    look()
    delete_action(action=action)

    assert undo(run=the_run(acme), now=timezone.now()).state == "undone"
    assert target_of(route, "large").enabled
