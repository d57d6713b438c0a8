"""What tests of live evaluation share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings

from tenants.emitting import set_emitter
from tenants.keys import Scope
from tenants.models import Tenant
from tenants.services import create_key
from tests.gateway.doubles import RecordingEmitter


@pytest.fixture
def told() -> Iterator[RecordingEmitter]:
    """What the control plane emits."""
    emitter = RecordingEmitter()
    set_emitter(emitter)
    yield emitter
    set_emitter(None)


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
