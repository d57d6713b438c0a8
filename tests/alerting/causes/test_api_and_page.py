from __future__ import annotations

import pytest

from alerting.causes.explaining import explain
from alerting.causes.rows import Deployment, SummaryWriter
from tenants.audit import AuditEntry
from tests.alerting.causes.incident_calls import a_while_ago, calls_around, fails_at_openai, incident_of
from tests.events.builders import completed
from tests.tenants.pages.people import body_of, client_of, member
from tests.tenants.rest.cases import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_client")]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def began():
    return a_while_ago(12)


def test_a_pipeline_tells_of_a_deployment(world: World):
    sent = {"service": "checkout", "version": "2.0", "environment": "production", "link": "https://ci.example/1"}
    answer = world.owner.post("/api/v1/deployments", sent)
    assert answer.status_code == 201, answer.json()
    row = Deployment.objects.for_tenant(world.tenant).get()
    assert (row.service, row.version, row.recorded_by != "") == ("checkout", "2.0", True)
    assert [one["version"] for one in world.owner.get("/api/v1/deployments").json()["data"]] == ["2.0"]
    entry = AuditEntry.objects.get(tenant_ref=str(world.tenant.pk), object_type="deployment")
    assert entry.object_name == "checkout 2.0"


@pytest.mark.parametrize(
    "wrong", [{"link": "javascript:alert(1)"}, {"deployed_at": "2090-01-01T00:00:00Z"}, {"version": ""}]
)
def test_a_deployment_that_cannot_be_is_refused(world: World, wrong):
    answer = world.owner.post("/api/v1/deployments", {"service": "checkout", "version": "2.0", **wrong})
    assert answer.status_code == 400
    assert not Deployment.objects.for_tenant(world.tenant).exists()


def test_causes_are_read_once_they_are_worked_out(world: World, began):
    calls_around(world.tenant, began, fails_at_openai)
    incident = incident_of(world.tenant, began)
    address = f"/api/v1/alerting/incidents/{incident.pk}/causes"
    assert world.owner.get(address).status_code == 404
    explain(incident=incident)
    told = world.owner.get(address).json()
    assert told["evidence"]["segments"][0]["parts"] == [{"dimension": "provider", "value": "openai", "name": ""}]
    assert told["evidence"]["segments"][0]["blamed"] is True


def test_the_page_has_the_table(acme, began):
    calls_around(acme, began, fails_at_openai)
    incident = incident_of(acme, began)
    developer = client_of(member(acme, "developer", username="dev.person"))
    address = f"/t/acme/incidents/{incident.pk}/"
    assert "They are worked out within a minute or two" in str(body_of(developer.get(address)))
    explain(incident=incident)
    shown = str(body_of(developer.get(address)))
    assert "Provider openai explains" in shown
    assert "they fare differently" in shown
    assert "PROVIDER_UNAVAILABLE" in shown


def test_who_sees_no_costs_is_not_told_what_a_call_costs(acme, began, world):
    def dear(chance, now, whose):
        return completed(**whose, cost_nanousd=9_000 if now else 1_000, duration_ms=100)

    calls_around(acme, began, dear)
    incident = incident_of(acme, began, signal="cost_per_call", threshold=2_000)
    explain(incident=incident)
    viewer = client_of(member(acme, "viewer", username="view.person"))
    shown = str(body_of(viewer.get(f"/t/acme/incidents/{incident.pk}/")))
    assert "which your role does not see" in shown
    assert "Cost a call:" not in shown
    assert "Cost a call:" not in viewer.get(f"/t/acme/incidents/{incident.pk}/post-mortem/").content.decode()


def test_somebody_chooses_who_writes_summaries(acme):
    developer = client_of(member(acme, "developer", username="dev.person"))
    developer.post("/t/acme/alerts/summaries/", {"route": "small", "dollars": "0.5", "enabled": "on"})
    row = SummaryWriter.objects.for_tenant(acme).get()
    assert (row.route, row.budget_nanousd, row.enabled) == ("small", 500_000_000, True)
    developer.post("/t/acme/alerts/summaries/", {"route": "small", "dollars": "0.5"})
    row.refresh_from_db()
    assert not row.enabled
    shown = str(body_of(developer.post("/t/acme/alerts/summaries/", {"route": "kept", "dollars": "0"})))
    assert "Give at least a little." in shown
    assert 'value="kept"' in shown
