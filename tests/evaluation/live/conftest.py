"""What tests of live evaluation share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings

from tenants.keys import Scope
from tenants.models import Tenant
from tenants.services import create_key


@pytest.fixture
def key(answering: Tenant) -> str:
    """A key of the tenant, in clear."""
    _, clear = create_key(tenant=answering, name="Application", scopes=tuple(one.value for one in Scope))
    return clear


@pytest.fixture
def queues() -> Iterator[redis.Redis]:
    """Redis, without queues of other tests."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    yield client
    for name in client.scan_iter("live:*"):
        client.delete(name)
    client.close()
