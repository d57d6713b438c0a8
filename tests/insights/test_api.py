from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from insights.models import AdviceDecision, KeptSavings
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


def test_tenants_are_listed_by_what_they_spent_in_vain(world: World):
    other = make_tenant(slug="globex")
    advice = [{"key": "unused_key:1", "title": "Revoke it", "saving_nanousd": None, "open": True}]
    for tenant, wasted in ((world.tenant, 1_500), (other, 4_250)):
        KeptSavings.objects.create(
            tenant=tenant, spent_nanousd=9_000, wasted_nanousd=wasted, advice=advice, open_advice=tenant == other
        )
    address = "/api/v1/insights/savings"

    found = world.operator.get(address).json()["data"]

    assert [(one["tenant_id"], one["wasted_nanousd"]) for one in found] == [
        (str(other.pk), 4_250),
        (str(world.tenant.pk), 1_500),
    ]
    assert found[0]["advice"] == advice
    for asked, expected in (("true", [4_250]), ("false", [1_500])):
        some = world.operator.get(f"{address}?has_advice={asked}").json()["data"]
        assert [one["wasted_nanousd"] for one in some] == expected
    assert world.operator.get(f"{address}?has_advice=some").status_code == 400
    (own,) = world.owner.get(address).json()["data"]
    assert own["tenant_id"] == str(world.tenant.pk)
    one = world.owner.get(f"{address}/{own['id']}")
    assert one.json() == own
    assert world.owner.get(f"{address}/{own['id']}", HTTP_IF_NONE_MATCH=one.headers["ETag"]).status_code == 304
    KeptSavings.objects.for_tenant(world.tenant).update(advice=[{**advice[0], "open": False}])
    assert world.owner.get(f"{address}/{own['id']}", HTTP_IF_NONE_MATCH=one.headers["ETag"]).status_code == 200
    assert world.owner.get(f"{address}/{found[0]['id']}").status_code == 404


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
