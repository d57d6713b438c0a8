"""Pages of actions, and what rules and incidents show of them."""

from __future__ import annotations

import pytest

from alerting.actions.rows import AlertAction
from tests.alerting.action_rows import fire, look, make_action, make_route, runs_of, target_of
from tests.alerting.alert_rows import make_rule
from tests.alerting.pages.conftest import body

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

ACTION = {
    "name": "Drain the large one",
    "kind": "drain_target",
    "from_severity": "critical",
    "after_minutes": "5",
    "max_per_hour": "1",
    "max_per_day": "3",
    "cooldown_minutes": "30",
    "open_minutes": "10",
    "dry_run": "on",
    "enabled": "on",
}


def test_an_action_is_made_as_a_dry_run_and_changed(developer, acme):
    route = make_route(acme, "large", "small")
    assert "Dry run" in body(developer.get("/t/acme/alerts/actions/new/"))
    answer = developer.post("/t/acme/alerts/actions/new/", {**ACTION, "target": str(target_of(route, "large").pk)})

    action = AlertAction.objects.get(tenant=acme)
    assert answer.headers["Location"] == f"/t/acme/alerts/actions/{action.pk}/"
    assert (action.dry_run, action.configured_by) == (True, "developer.person")
    assert "chat → chat-provider/large" in body(developer.get("/t/acme/alerts/actions/"))
    assert "Nothing is changed." in body(developer.get(f"/t/acme/alerts/actions/{action.pk}/"))

    sent = {**ACTION, "target": str(target_of(route, "large").pk)}
    del sent["dry_run"]
    assert 'value="30"' in body(developer.get(f"/t/acme/alerts/actions/{action.pk}/edit/"))
    developer.post(f"/t/acme/alerts/actions/{action.pk}/edit/", sent)
    action.refresh_from_db()
    assert not action.dry_run


@pytest.mark.parametrize(
    "kind", ["drain_target", "open_breaker", "degrade_route", "roll_back_policy", "roll_back_route", "call_hook"]
)
def test_what_is_missing_is_said_and_what_was_typed_is_kept(developer, acme, kind: str):
    page = body(developer.post("/t/acme/alerts/actions/new/", {**ACTION, "kind": kind}))

    assert "Say which." in page
    assert 'value="Drain the large one"' in page


def test_a_route_is_degraded_to_the_targets_that_are_chosen(developer, acme):
    route = make_route(acme, "large", "small")
    sent = {**ACTION, "kind": "degrade_route", "keep": [str(target_of(route, "small").pk)]}
    developer.post("/t/acme/alerts/actions/new/", sent)

    action = AlertAction.objects.get(tenant=acme)
    assert action.keep == [target_of(route, "small").pk]
    assert "chat: 1 target" in body(developer.get("/t/acme/alerts/actions/"))


def test_an_incident_shows_what_was_done_and_undoes_it(developer, as_member, acme):
    route = make_route(acme, "large", "small")
    make_action(acme, target=target_of(route, "large"))
    fire(acme)
    look()
    (run,) = runs_of(acme)
    page = body(developer.get(f"/t/acme/incidents/{run.incident_id}/"))
    assert "Drain chat → chat-provider/large." in page
    undo = f"/t/acme/alerts/actions/runs/{run.pk}/undo/"
    assert undo in page
    viewer = as_member("viewer")
    assert undo not in body(viewer.get(f"/t/acme/incidents/{run.incident_id}/"))
    assert viewer.post(undo).status_code == 403

    answer = developer.post(undo, follow=True)
    assert "is undone." in answer.content.decode()
    assert target_of(route, "large").enabled
    assert "There is nothing to undo." in developer.post(undo, follow=True).content.decode()
    assert "developer.person" in body(developer.get(f"/t/acme/alerts/actions/{run.action_id}/"))


def test_a_rule_shows_its_actions(developer, acme):
    route = make_route(acme, "large", "small")
    rule = make_rule(acme)
    make_action(acme, target=target_of(route, "large"), rule=rule)
    page = body(developer.get(f"/t/acme/alerts/{rule.pk}/"))

    assert "Drain a target, after 0 min" in page
    assert f"/t/acme/alerts/actions/new/?rule={rule.pk}" in page


def test_an_action_is_deleted(developer, acme):
    route = make_route(acme, "large", "small")
    action = make_action(acme, target=target_of(route, "large"))
    developer.post(f"/t/acme/alerts/actions/{action.pk}/delete/")

    assert not AlertAction.objects.filter(tenant=acme).exists()


def test_where_there_are_none_the_page_says_what_they_are_for(developer, operator, acme):
    assert "Nothing is done by itself" in body(developer.get("/t/acme/alerts/actions/"))
    assert "Nothing is done by itself" in body(operator.get("/console/alerts/actions/"))
    assert body(operator.get("/console/alerts/actions/new/"))


def test_an_operator_changes_a_tenants_action_as_the_tenants(operator, acme):
    route = make_route(acme, "large", "small")
    action = make_action(acme, target=target_of(route, "large"))
    operator.post(
        f"/console/alerts/actions/{action.pk}/edit/",
        {**ACTION, "target": str(target_of(route, "small").pk), "after_minutes": "7"},
    )

    action.refresh_from_db()
    assert (action.tenant, action.after_minutes, action.target) == (acme, 7, target_of(route, "small"))


def test_an_action_that_takes_experiments_back_says_on_which_route_and_how_long_before(developer, acme):
    route = make_route(acme, "large", "small")
    sent = {**ACTION, "kind": "roll_back_route", "route": str(route.pk), "within_minutes": "45"}
    developer.post("/t/acme/alerts/actions/new/", sent)

    action = AlertAction.objects.get(tenant=acme)
    assert (action.route_id, action.within_minutes, action.target) == (route.pk, 45, None)
    page = body(developer.get(f"/t/acme/alerts/actions/{action.pk}/"))
    assert "changes of the 45 min before the alert" in page
    assert 'value="45"' in body(developer.get(f"/t/acme/alerts/actions/{action.pk}/edit/"))
