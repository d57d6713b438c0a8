from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from insights.models import AdviceDecision
from tenants import services
from tenants.models import ApiKey
from tests.insights.planted_calls import DAY, Planted
from tests.tenants.factories import make_tenant
from tests.tenants.rest.cases import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_client")]


@pytest.fixture
def world() -> World:
    return World()


def test_waste_of_a_period_is_read(world: World):
    planted = Planted(world.tenant)
    planted.call(1_500, fails="CLIENT_DISCONNECTED")
    planted.write()
    asked = f"start={DAY.start:%Y-%m-%dT%H:%M:%SZ}&end={DAY.end:%Y-%m-%dT%H:%M:%SZ}"
    answer = world.owner.get(f"/api/v1/insights/{world.tenant.pk}/cost-impact?{asked}")
    assert answer.status_code == 200, answer.json()
    assert answer.json()["wasted_nanousd"] == 1_500
    assert answer.json()["by_route"] == [{"part": "chat", "calls": 1, "nanousd": 1_500, "by_kind": {"failed": 1_500}}]


def test_a_tenant_in_four_figures(world: World):
    found = world.owner.get(f"/api/v1/insights/{world.tenant.pk}").json()
    assert found == {
        "tenant_id": str(world.tenant.pk),
        "wasted_nanousd": 0,
        "business_nanousd": 0,
        "saving_nanousd": 0,
        "recommendations": 0,
    }
    assert world.owner.get(f"/api/v1/insights/{make_tenant(slug='globex').pk}").status_code == 404


@pytest.mark.parametrize("asked", ["start=yesterday", "start=2020-01-01T00:00:00Z", "start=2090-01-01T00:00:00Z"])
def test_a_period_that_makes_no_sense_is_refused(world: World, asked: str):
    assert world.owner.get(f"/api/v1/insights/{world.tenant.pk}/cost-impact?{asked}").status_code == 400


def test_another_tenants_figures_are_unknown(world: World):
    other = make_tenant(slug="globex")
    for name in ("cost-impact", "recommendations"):
        assert world.owner.get(f"/api/v1/insights/{other.pk}/{name}").status_code == 404


def test_a_recommendation_is_read_and_decided_about(world: World):
    key, _ = services.create_key(tenant=world.tenant, name="old")
    ApiKey.objects.for_tenant(world.tenant).filter(pk=key.pk).update(created_at=timezone.now() - timedelta(days=61))
    address = f"/api/v1/insights/{world.tenant.pk}/recommendations"
    wanted = f"unused_key:{key.pk}"
    assert {one["key"]: one["state"] for one in world.owner.get(address).json()}[wanted] == "open"
    assert world.owner.post(f"{address}/decide", {"key": wanted, "state": "snoozed"}).status_code == 400
    assert world.owner.post(f"{address}/decide", {"key": "other", "state": "dismissed"}).status_code == 404
    assert world.owner.post(f"{address}/decide", {"key": wanted, "state": "dismissed"}).status_code == 204
    assert AdviceDecision.objects.for_tenant(world.tenant).get().state == "dismissed"
    assert {one["key"]: one["state"] for one in world.owner.get(address).json()}[wanted] == "dismissed"
    assert world.owner.post(f"{address}/decide", {"key": wanted, "state": "open"}).status_code == 204


def test_a_rule_is_made_changed_and_deleted(world: World):
    made = world.owner.post("/api/v1/insights/impact-rules", {"name": "Lost", "outcome": "failed", "nanousd": 5})
    assert made.status_code == 201, made.json()
    address = f"/api/v1/insights/impact-rules/{made.json()['id']}"
    assert world.owner.patch(address, {"nanousd": 7}).json()["nanousd"] == 7
    assert world.owner.patch(address, {"nanousd": 0}).status_code == 400
    assert world.owner.delete(address).status_code == 204
