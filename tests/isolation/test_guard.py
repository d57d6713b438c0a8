"""The guard against queries that name no tenant."""

import pytest
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path

from contracts.tenant_scope import across_tenants
from tenants import services
from tenants.models import ApiKey, Team
from tests.isolation.guard import TenantGuard, owned_tables
from tests.tenants.factories import make_key, make_team

pytestmark = pytest.mark.django_db


def all_teams(request):
    return HttpResponse(",".join(team.name for team in Team.objects.all()))


def one_team(request, team):
    return HttpResponse(Team.objects.get(pk=team).name)


def teams_of_one_tenant(request, tenant):
    return HttpResponse(",".join(team.name for team in Team.objects.filter(tenant_id=tenant)))


def teams_of_everyone_for_a_reason(request):
    with across_tenants("a test of the reason"):
        return all_teams(request)


urlpatterns = [
    path("all", all_teams),
    path("one/<uuid:team>", one_team),
    path("tenant/<uuid:tenant>", teams_of_one_tenant),
    path("reason", teams_of_everyone_for_a_reason),
]


@pytest.fixture
def tenant_guard():
    """In the place of the suite's own: what it finds here does not fail the test."""
    guard = TenantGuard()
    with guard.installed():
        yield guard


@pytest.fixture
def guard(tenant_guard):
    return tenant_guard


@pytest.fixture
def answer(client):
    with override_settings(ROOT_URLCONF=__name__):
        yield client.get


def test_a_view_that_lists_without_a_tenant_is_found(guard, answer):
    make_team()
    answer("/all")

    [violation] = guard.violations
    assert "tests/isolation/test_guard.py" in violation
    assert "(all_teams) uses tenants_team, tenants_tenant of any tenant" in violation


def test_a_view_that_gets_by_a_key_from_the_address_is_found(guard, answer):
    answer(f"/one/{make_team().pk}")

    assert len(guard.violations) == 1


def test_a_view_that_filters_by_tenant_is_not(guard, answer):
    assert answer(f"/tenant/{make_team().tenant_id}").status_code == 200
    assert guard.violations == []


def test_a_view_that_says_why_is_not(guard, answer):
    assert answer("/reason").status_code == 200
    assert guard.violations == []


def test_saving_a_row_that_is_held_and_following_its_relations_is_not(guard):
    key = make_key()
    services.update_key(key=key, name="other")
    services.revoke_key(key=key)
    assert [*key.tenant.keys.filter(name="other")]
    assert ApiKey.objects.get(pk=key.pk).tenant.slug
    services.delete_tenant(tenant=key.tenant)

    assert guard.violations == []


def test_what_a_test_asks_itself_is_not(guard):
    make_team()
    assert Team.objects.count() == 1
    assert guard.violations == []


def test_a_reason_is_needed():
    with pytest.raises(ValueError, match="Say why"), across_tenants(" "):
        pass


def test_every_model_with_a_tenant_is_known():
    assert owned_tables()["tenants_tenant"] == {"id", "slug"}
    assert owned_tables()["tenants_apikey"] == {"tenant_id"}
    assert owned_tables()["routing_target"] == {"route_id", "model_id"}
    assert owned_tables()["tenants_auditentry"] == {"tenant_ref"}
    assert {"events_event", "events_run", "tenants_ratelimit", "tenants_membership"} <= owned_tables().keys()
