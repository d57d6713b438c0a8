"""A caller that asks too often is told when to come back; others are not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tenants.factories import make_tenant
from tests.tenants.rest.callers import caller, error_of

pytestmark = pytest.mark.django_db

TEAMS = "/api/v1/teams"


@pytest.fixture
def slow(settings: Any, redis_client: Any) -> None:
    """Six requests a minute, one at once."""
    settings.MANAGEMENT_RATE_PER_MINUTE = 6


@pytest.mark.usefixtures("slow")
def test_beyond_the_burst_a_caller_waits() -> None:
    client = caller(make_tenant())
    assert client.get(TEAMS).status_code == 200
    refused = client.get(TEAMS)
    assert refused.status_code == 429
    assert error_of(refused)["retryable"] is True
    assert 1 <= int(refused.headers["retry-after"]) <= 10


@pytest.mark.usefixtures("slow")
def test_callers_do_not_use_up_each_others_rate() -> None:
    tenant = make_tenant()
    assert [caller(tenant).get(TEAMS).status_code for _ in range(3)] == [200, 200, 200]


def test_without_redis_nobody_is_kept_waiting(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.MANAGEMENT_RATE_PER_MINUTE = 6
    client = caller(make_tenant())
    assert [client.get(TEAMS).status_code for _ in range(3)] == [200, 200, 200]
    assert "not limited" in caplog.text
