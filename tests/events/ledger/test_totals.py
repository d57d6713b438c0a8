"""Sums of many things at once, rankings, daily rhythms and recent use are those of the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async

from contracts.usage import UsageDimension, UsageQuery
from events.collector.store import EventStore
from events.ledger.margins import Margin
from events.ledger.ranking import Ranked, ranking
from events.ledger.recent import Since, Used, recent
from events.ledger.rhythm import EVEN, rhythms
from events.ledger.totals import Asked, totals
from tests.events.builders import TENANT
from tests.events.ledger.ledger_tables import bill, call, opened_store

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC)
HOUR_MS = 3_600_000


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    async with opened_store() as opened:
        yield opened


def ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


async def test_each_thing_is_summed_over_its_own_time(store: EventStore):
    old = NOW - timedelta(days=10)
    await bill(store, call(NOW, 1, key_id="k1", team_id="t"), call(NOW, 2, key_id="k2"), call(old, 4, key_id="k1"))
    await bill(store, call(NOW, 100, key_id="k1"), tenant_id="other")
    end, month_ago, day_ago = ms(NOW) + 1, ms(NOW - timedelta(days=30)), ms(NOW - timedelta(days=1))

    found = await sync_to_async(totals)(
        [
            Asked(TENANT, Margin.KEY, "k1", month_ago, end),
            Asked(TENANT, Margin.KEY, "k1", day_ago, end),
            Asked(TENANT, Margin.KEY, "nobody", month_ago, end),
            Asked(TENANT, Margin.TEAM, "t", month_ago, end),
            Asked(TENANT, Margin.ALL, "", 0, 2**53),
            Asked("other", Margin.ALL, "", month_ago, end),
        ]
    )

    assert [(one.requests, one.cost_nanousd) for one in found] == [(2, 5), (1, 1), (0, 0), (1, 1), (3, 7), (1, 100)]


async def test_nothing_asked_is_nothing_found(store: EventStore):
    assert await sync_to_async(totals)([]) == []
    assert await sync_to_async(recent)([]) == []
    assert await sync_to_async(rhythms)({}, NOW) == {}


async def test_the_first_few_are_ranked_by_cost(store: EventStore):
    await bill(
        store,
        call(NOW, 5, key_id="k1", user="ada"),
        call(NOW, 5, key_id="k1", user="bob"),
        call(NOW, 7, key_id="k2", user="ada"),
        call(NOW, 1, key_id="k3"),
    )
    query = UsageQuery(tenant_id=TENANT, start_ms=ms(NOW) - HOUR_MS, end_ms=ms(NOW) + 1)
    of_key = UsageQuery(
        tenant_id=TENANT, start_ms=ms(NOW) - HOUR_MS, end_ms=ms(NOW) + 1, filters=((UsageDimension.KEY, "k1"),)
    )

    by_key = await sync_to_async(ranking)(query, UsageDimension.KEY, 2)
    by_user = await sync_to_async(ranking)(query, UsageDimension.USER, 5)
    users_of_key = await sync_to_async(ranking)(of_key, UsageDimension.USER, 5)

    assert by_key == [Ranked("k1", 10, 2), Ranked("k2", 7, 1)]
    assert by_user == [Ranked("ada", 12, 2), Ranked("bob", 5, 1), Ranked("", 1, 1)]
    assert users_of_key == [Ranked("ada", 5, 1), Ranked("bob", 5, 1)]


async def test_the_rhythm_is_told_by_the_local_hour(store: EventStore):
    noon = (NOW - timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)
    await bill(store, call(noon, 900), call(noon - timedelta(hours=3), 300))

    found = await sync_to_async(rhythms)({TENANT: "Asia/Tokyo", "idle": "UTC"}, NOW - timedelta(days=14))

    weights = found[TENANT]
    assert sum(weights) == pytest.approx(24)
    assert weights.index(max(weights)) == 21
    assert weights[21] == pytest.approx(3 * weights[18])
    assert min(weights) > 0
    assert found["idle"] == EVEN


async def test_recent_use_is_counted_call_by_call(store: EventStore):
    now = datetime.now(UTC)
    await bill(
        store,
        call(now, 1, key_id="k1", team_id="t", user="ada", input_tokens=10, output_tokens=5),
        call(now - timedelta(minutes=5), 1, key_id="k1", input_tokens=7, output_tokens=0),
    )

    found = await sync_to_async(recent)(
        [
            Since(TENANT, "tenant", TENANT, 60),
            Since(TENANT, "tenant", TENANT, 3_600),
            Since(TENANT, "key", "k1", 3_600),
            Since(TENANT, "team", "t", 3_600),
            Since(TENANT, "user", "ada", 60),
            Since("other", "tenant", "other", 60),
        ]
    )

    assert found == [Used(1, 15), Used(2, 22), Used(2, 22), Used(1, 15), Used(1, 15), Used(0, 0)]
