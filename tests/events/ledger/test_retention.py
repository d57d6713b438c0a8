"""Old rows go and end users become pseudonyms, while every sum stays."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async

from events.collector.store import EventStore
from events.ledger import retention
from events.ledger.checking import differences
from events.models import UsageRecord
from tests.events.builders import TENANT
from tests.events.ledger.ledger_tables import bill, call, opened_store, query

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=5)

erase_user = sync_to_async(retention.erase_user)
purge = sync_to_async(retention.purge)


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    async with opened_store() as opened:
        yield opened


async def _by_user() -> dict[str, int]:
    rows = await sync_to_async(query)(
        "SELECT end_user, sum(cost_nanousd) FROM events_usage_by_user WHERE grain = 2 AND tenant_id = %s GROUP BY 1",
        [TENANT],
    )
    return {user: int(cost) for user, cost in rows}


async def test_purging_takes_old_rows_of_the_tenant_and_leaves_the_sums(store: EventStore, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    await bill(store, *(call(NOON - timedelta(hours=hour), 1) for hour in range(1, 6)))
    await bill(store, call(NOON, 1))
    await bill(store, call(NOON - timedelta(days=1), 1), tenant_id="other")
    assert await purge(TENANT, NOON) == 5
    assert await purge(TENANT, NOON) == 0
    assert await UsageRecord.objects.filter(tenant_id=TENANT).acount() == 1
    assert await UsageRecord.objects.filter(tenant_id="other").acount() == 1
    assert await _by_user() == {"": 6}


async def test_an_erased_user_is_a_pseudonym_in_the_ledger_and_its_rollups(store: EventStore):
    await bill(store, call(NOON, 1, user="ada"), call(NOON, 2, user="ada", key_id="k2"), call(NOON, 4, user="grace"))
    await bill(store, call(NOON, 8, user="ada"), tenant_id="other")
    assert await erase_user(TENANT, "ada", "erased-1") == 2
    assert await _by_user() == {"erased-1": 3, "grace": 4}
    assert await UsageRecord.objects.filter(end_user="ada").acount() == 1
    assert await sync_to_async(differences)() == []


async def test_what_arrives_late_joins_the_pseudonym(store: EventStore):
    await bill(store, call(NOON, 1, user="ada"))
    await erase_user(TENANT, "ada", "erased-1")
    await bill(store, call(NOON, 2, user="ada"))
    assert await _by_user() == {"ada": 2, "erased-1": 1}
    assert await erase_user(TENANT, "ada", "erased-1") == 1
    assert await erase_user(TENANT, "ada", "erased-1") == 0
    assert await _by_user() == {"erased-1": 3}
    assert await sync_to_async(differences)() == []


async def test_erasure_reaches_rollups_whose_rows_were_purged(store: EventStore):
    await bill(store, call(NOON - timedelta(hours=1), 1, user="ada"))
    await purge(TENANT, NOON)
    assert await erase_user(TENANT, "ada", "erased-1") == 0
    assert await _by_user() == {"erased-1": 1}


async def test_erasing_opens_the_ledger_to_nothing_else(store: EventStore):
    from django.db import IntegrityError, connection, transaction

    await bill(store, call(NOON, 1, user="ada"))

    def cheat() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL breakwater.ledger = 'erase'")
            cursor.execute("UPDATE events_usage SET cost_nanousd = 0")

    with pytest.raises(IntegrityError, match="append-only"):
        await sync_to_async(cheat)()
