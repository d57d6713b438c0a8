"""Who holds a compiled copy hears of the change, after the commit and not before."""

import logging

import msgspec
import pytest
from django.db import transaction

from events.engine.redis_channels import channel
from routing.models import Provider
from tenants import services
from tenants.changes import delete_row, save_row
from tenants.invalidation import CHANNEL, Invalidation, publish
from tests.tenants.factories import make_key, make_team, make_tenant

pytestmark = pytest.mark.django_db(transaction=True)


class Subscriber:
    def __init__(self, client, redis_url):
        self._pubsub = client.pubsub(ignore_subscribe_messages=False)
        self._pubsub.subscribe(channel(CHANNEL, redis_url))
        assert self._pubsub.get_message(timeout=5)["type"] == "subscribe"

    def next(self):
        message = self._pubsub.get_message(timeout=5)
        assert message is not None, "no message came"
        return msgspec.json.decode(message["data"])

    def nothing_came(self):
        publish([Invalidation(scope="platform", id="end")])
        return self.next()["id"] == "end"

    def skip(self) -> None:
        """Drop what came so far."""
        publish([Invalidation(scope="platform", id="end")])
        while self.next()["id"] != "end":
            pass


@pytest.fixture
def subscriber(redis_client, redis_url):
    return Subscriber(redis_client, redis_url)


def test_a_revoked_key_is_announced_with_its_digest(subscriber):
    key = make_key()
    subscriber.skip()

    services.revoke_key(key=key)

    assert subscriber.next() == {"scope": "key", "id": str(key.pk), "key_hash": key.key_hash}


def test_a_changed_tenant_is_announced_by_id(subscriber):
    tenant = make_tenant()
    subscriber.skip()

    services.update_tenant(tenant=tenant, active=False)

    assert subscriber.next() == {"scope": "tenant", "id": str(tenant.pk), "key_hash": None}


def test_a_change_of_the_platform_is_announced_as_such(subscriber):
    save_row(Provider(name="shared", kind="sandbox"))

    assert subscriber.next()["scope"] == "platform"


def test_a_teams_limit_is_announced_for_each_of_its_keys(subscriber):
    tenant = make_tenant()
    team = make_team(tenant)
    keys = {make_key(tenant, team=team).key_hash for _ in range(2)}
    subscriber.skip()

    services.set_rate_limit(tenant=tenant, level="team", team=team, metric="requests", value=1)

    assert {subscriber.next()["key_hash"] for _ in range(2)} == keys


def test_a_deleted_key_is_announced_with_its_digest(subscriber):
    key = make_key()
    subscriber.skip()

    delete_row(key)

    assert subscriber.next()["key_hash"] == key.key_hash


def test_nothing_is_announced_before_the_commit_nor_after_a_rollback(subscriber):
    key = make_key()
    subscriber.skip()

    with transaction.atomic():
        services.revoke_key(key=key)
        assert subscriber.nothing_came()
        transaction.set_rollback(True)

    assert subscriber.nothing_came()


def test_a_change_succeeds_while_redis_is_down(settings, caplog):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    with caplog.at_level(logging.WARNING, logger="tenants.invalidation"):
        assert make_tenant().pk

    assert "config.changed was not published" in caplog.text
