"""Actions and what they did over the management API."""

from __future__ import annotations

import pytest

from tests.alerting.action_rows import fire, look, make_action, make_route, runs_of, target_of
from tests.tenants.factories import make_tenant
from tests.tenants.rest.cases import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
ACTIONS, RUNS = "/api/v1/alerting/actions", "/api/v1/alerting/action-runs"


@pytest.fixture
def world() -> World:
    return World()


def test_an_action_is_made_as_a_dry_run_changed_and_deleted(world: World):
    route = make_route(world.tenant, "large", "small")
    target = str(target_of(route, "large").pk)
    made = world.owner.post(ACTIONS, {"name": "Drain", "kind": "drain_target", "target_id": target})
    assert made.status_code == 201, made.json()
    assert made.json()["dry_run"] is True

    address = f"{ACTIONS}/{made.json()['id']}"
    assert world.owner.patch(address, {"dry_run": False, "max_per_hour": 2}).json()["max_per_hour"] == 2
    assert world.owner.delete(address).status_code == 204


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"kind": "drain_target"}, "target"),
        ({"kind": "degrade_route", "keep": []}, "keep"),
        ({"kind": "roll_back_policy"}, "policy"),
        ({"kind": "roll_back_route"}, "route"),
        ({"kind": "call_hook"}, "channel"),
        ({"kind": "dance"}, "kind"),
    ],
)
def test_what_is_missing_is_said_by_field(world: World, sent: dict[str, object], field: str):
    answer = world.owner.post(ACTIONS, {"name": "Action", **sent})

    assert answer.status_code == 400
    assert field in answer.content.decode()


def test_anothers_target_is_as_unknown_as_none(world: World):
    theirs = make_route(make_tenant(slug="theirs"), "large", "small")
    sent = {"name": "Drain", "kind": "drain_target", "target_id": str(target_of(theirs, "large").pk)}

    assert world.owner.post(ACTIONS, sent).status_code == 400


def test_what_was_done_is_listed_and_undone_once(world: World):
    route = make_route(world.tenant, "large", "small")
    make_action(world.tenant, target=target_of(route, "large"))
    fire(world.tenant)
    look()
    (listed,) = world.owner.get(f"{RUNS}?state=done").json()["data"]
    (run,) = runs_of(world.tenant)
    assert (listed["id"], listed["text"]) == (str(run.pk), "Drain chat → chat-provider/large.")

    assert world.owner.post(f"{RUNS}/{run.pk}/undo", {}).json()["state"] == "undone"
    assert target_of(route, "large").enabled
    assert world.owner.post(f"{RUNS}/{run.pk}/undo", {}).status_code == 400


def test_an_action_that_takes_experiments_back_is_made_for_a_route_of_ones_own(world: World):
    route = make_route(world.tenant, "large", "small")
    sent = {"name": "Back", "kind": "roll_back_route", "route_id": str(route.pk), "within_minutes": 30}
    made = world.owner.post(ACTIONS, sent)
    assert made.status_code == 201, made.json()
    assert (made.json()["route_id"], made.json()["within_minutes"]) == (str(route.pk), 30)

    theirs = make_route(make_tenant(slug="theirs"), "large", name="theirs")
    assert world.owner.post(ACTIONS, {**sent, "name": "Other", "route_id": str(theirs.pk)}).status_code == 400
