"""Objectives, rules, silences and incidents over the management API."""

from __future__ import annotations

import pytest

from alerting.incident_rows import Incident
from tests.alerting.alert_rows import Minutes, incidents_of, make_rule
from tests.tenants.rest.cases import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


@pytest.fixture
def world() -> World:
    return World()


def test_a_rule_of_an_objective_is_made_changed_and_deleted_with_it(world: World):
    slo = world.owner.post("/api/v1/alerting/slos", {"name": "Answers", "objective": 0.99})
    assert slo.status_code == 201, slo.json()
    rule = world.owner.post(
        "/api/v1/alerting/rules", {"name": "Answers", "kind": "burn_rate", "slo_id": slo.json()["id"]}
    )
    assert rule.status_code == 201, rule.json()
    assert rule.json()["phase"] == "ok"
    address = f"/api/v1/alerting/rules/{rule.json()['id']}"
    assert world.owner.patch(address, {"severity": "critical"}).json()["severity"] == "critical"

    assert world.owner.delete(f"/api/v1/alerting/slos/{slo.json()['id']}").status_code == 204
    assert world.owner.get(address).status_code == 404


def test_what_a_rule_lacks_is_said_by_field(world: World):
    answer = world.owner.post("/api/v1/alerting/rules", {"name": "Errors", "signal": "error_rate"})

    assert answer.status_code == 400
    assert "threshold" in answer.content.decode()


def test_an_incident_is_acknowledged_written_about_and_resolved(world: World):
    tenant = world.tenant
    minutes = Minutes(tenant)
    make_rule(tenant)
    minutes.many(0, 10, errors=25)
    minutes.check(10)
    (incident,) = incidents_of(tenant)
    address = f"/api/v1/alerting/incidents/{incident.pk}"

    assert world.owner.get(address).json()["alerts"][0]["name"] == "Errors"
    assert world.owner.post(f"{address}/acknowledge", {}).json()["state"] == "acknowledged"
    assert world.owner.post(f"{address}/acknowledge", {}).status_code == 400
    assert world.owner.post(f"{address}/timeline", {"text": "Their region is down."}).status_code == 201
    assert world.owner.post(f"{address}/resolve", {}).json()["state"] == Incident.State.RESOLVED
    kinds = [entry["kind"] for entry in world.owner.get(f"{address}/timeline").json()]
    assert kinds == ["opened", "acknowledged", "note", "resolved"]


def test_a_silence_is_made_and_ended(world: World):
    made = world.owner.post("/api/v1/alerting/silences", {"reason": "Move", "ends_at": "2090-01-01T00:00:00Z"})
    assert made.status_code == 201, made.json()

    ended = world.owner.post(f"/api/v1/alerting/silences/{made.json()['id']}/end", {})
    assert ended.json()["ends_at"] < "2090"
