"""What a tenant's row says about caches, over the management API."""

from __future__ import annotations

from typing import Any

import pytest

from tenants.models import Tenant
from tests.tenants.factories import make_tenant
from tests.tenants.rest.callers import caller

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


def address(tenant: Tenant) -> str:
    return f"/api/v1/tenants/{tenant.pk}"


def test_a_tenant_declares_the_tools_whose_results_are_kept() -> None:
    tenant = make_tenant()
    answer = caller(tenant).patch(address(tenant), {"cached_tools": {"geocode": 3_600}})
    assert answer.status_code == 200
    tenant.refresh_from_db()
    assert tenant.cached_tools == {"geocode": 3_600}


@pytest.mark.parametrize("tools", [{"a b": 1}, {"a": 0}, {"a": "1"}, {"a": True}, {"a": 10**9}, ["a"]])
def test_what_is_no_tool_with_seconds_is_refused(tools: Any) -> None:
    tenant = make_tenant()
    assert caller(tenant).patch(address(tenant), {"cached_tools": tools}).status_code == 400


def test_only_operators_say_how_much_is_kept_for_a_tenant() -> None:
    tenant = make_tenant()
    assert caller(tenant).patch(address(tenant), {"cache_max_mib": 10_000}).status_code == 403
    assert caller().patch(address(tenant), {"cache_max_mib": 10_000}).status_code == 200
    tenant.refresh_from_db()
    assert tenant.cache_max_mib == 10_000


def test_a_tenant_clears_its_own_caches_and_no_others() -> None:
    tenant, other = make_tenant(), make_tenant()
    assert caller(tenant).post(f"{address(tenant)}/clear_caches", {}).status_code == 200
    assert caller(tenant).post(f"{address(other)}/clear_caches", {}).status_code == 404
    generations = [Tenant.objects.get(pk=one.pk).cache_generation for one in (tenant, other)]
    assert generations == [1, 0]
