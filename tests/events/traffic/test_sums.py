"""Traffic's tables are the ledger's sums, for each tenant and for the platform, whatever comes twice or late."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random

import psycopg
import pytest
from asgiref.sync import sync_to_async

from events.collector.database import conninfo
from events.collector.store import EventStore
from events.traffic import upkeep
from events.traffic.checking import differences
from events.traffic.grains import Grain
from events.traffic.histogram import bounds_ms, percentiles_ms
from events.traffic.measures import PLATFORM, Kind, Measured
from events.traffic.reading import (
    OTHER,
    Stretch,
    axis,
    course,
    latencies,
    latency_course,
    ranking,
    totals,
)
from events.traffic.users import user_ranking
from events.traffic.writing import drop_old
from tests.events.builders import TENANT, batch, completed, context, failed, line, rejected
from tests.events.ledger.ledger_tables import bill, call, opened_store, query

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
NOON = NOW.replace(hour=12, minute=0) - timedelta(days=1)
OTHER_TENANT = "t-2"


def _s(moment: datetime) -> int:
    return int(moment.timestamp())


def _hour(start: datetime = NOON) -> Stretch:
    return Stretch(_s(start), _s(start + timedelta(hours=1)))


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    async with opened_store() as opened:
        yield opened


async def test_calls_are_summed_up_for_their_tenant_and_for_the_platform(store: EventStore):
    await bill(store, call(NOON, 7_000, input_tokens=10, output_tokens=5, attempts=3, fallback_used=True))
    await bill(store, (failed(cost_nanousd=1_000), NOON + timedelta(minutes=5)))
    await bill(store, call(NOON + timedelta(minutes=59), 500), tenant_id=OTHER_TENANT)
    [mine] = await sync_to_async(totals)(TENANT, [_hour()])
    assert (mine.calls.requests, mine.calls.errors, mine.calls.cost_nanousd) == (2, 1, 8_000)
    assert (mine.calls.fallbacks, mine.calls.retries, mine.calls.tokens) == (1, 2, 15)
    platform, later = await sync_to_async(totals)(PLATFORM, [_hour(), _hour(NOON + timedelta(hours=1))])
    assert (platform.calls.requests, platform.calls.cost_nanousd) == (3, 8_500)
    assert later.calls.requests == 0
    ranked = await sync_to_async(ranking)(PLATFORM, Kind.TENANT, _hour(), "cost")
    assert [(one.part, one.sums.cost_nanousd) for one in ranked] == [(TENANT, 8_000), (OTHER_TENANT, 500)]
    assert await sync_to_async(differences)() == []


async def test_what_comes_twice_counts_once(store: EventStore):
    of = context("c1")
    text = line(completed(cost_nanousd=3), of, NOON) + b"\n" + line(rejected(), context("c2"), NOON) + b"\n"
    await store.write([batch(text, spool_id="a")])
    await store.write([batch(text, spool_id="b")])
    [found] = await sync_to_async(totals)(TENANT, [_hour()])
    assert (found.calls.requests, found.refused) == (1, 1)
    assert await sync_to_async(differences)() == []


async def test_refusals_and_failures_are_told_by_their_code(store: EventStore):
    lines = [
        line(rejected(error_code=code), context(), NOON) for code in ("RATE_LIMITED", "RATE_LIMITED", "BUDGET_EXCEEDED")
    ]
    await store.write([batch(b"\n".join(lines) + b"\n")])
    await bill(store, (failed(error_code="PROVIDER_TIMEOUT"), NOON))
    over = axis(_hour(), 900)
    found = await sync_to_async(course)(TENANT, (Kind.FAILURE, Kind.REFUSAL), over)
    assert {code: steps[0].requests for code, steps in found[Kind.REFUSAL].items()} == {
        "RATE_LIMITED": 2,
        "BUDGET_EXCEEDED": 1,
    }
    assert {code: steps[0].requests for code, steps in found[Kind.FAILURE].items()} == {"PROVIDER_TIMEOUT": 1}


async def test_a_refusal_without_a_tenant_is_the_platforms_alone(store: EventStore):
    await store.write([batch(line(rejected(), context(tenant_id=""), NOON) + b"\n")])
    assert await sync_to_async(query)("SELECT DISTINCT scope FROM events_traffic") == [(PLATFORM,)]


async def test_a_course_has_every_step_and_sums_up_what_is_not_named(store: EventStore):
    for minute, model in ((0, "a"), (1, "b"), (16, "c"), (16, "a")):
        await bill(store, call(NOON + timedelta(minutes=minute), model=model))
    over = axis(_hour(), 900)
    found = (await sync_to_async(course)(TENANT, (Kind.MODEL,), over, ["a"]))[Kind.MODEL]
    assert [step.requests for step in found["a"]] == [1, 1, 0, 0]
    assert [step.requests for step in found[OTHER]] == [1, 1, 0, 0]


async def test_a_stretch_cut_to_the_minute_is_exact(store: EventStore):
    for minute in range(0, 60, 7):
        await bill(store, call(NOON + timedelta(minutes=minute)))
    for start, end in ((0, 1), (1, 60), (7, 8), (13, 44), (14, 43)):
        stretch = Stretch(_s(NOON) + start * 60, _s(NOON) + end * 60)
        [found] = await sync_to_async(totals)(TENANT, [stretch])
        assert found.calls.requests == len([m for m in range(0, 60, 7) if start <= m < end])


async def test_percentiles_are_within_nine_per_cent_of_the_exact_ones(store: EventStore):
    rng = Random(1)
    took = sorted(rng.lognormvariate(6.5, 0.9) for _ in range(400))
    await bill(store, *(call(NOON, duration_ms=ms, first_token_ms=ms / 4) for ms in took))
    await bill(store, (failed(duration_ms=90_000.0), NOON))
    [found] = await sync_to_async(latencies)(TENANT, [_hour()])
    for share, ms in zip((0.5, 0.95, 0.99), percentiles_ms(found[Measured.DURATION]), strict=True):
        exact = took[round(share * len(took)) - 1]
        assert ms == pytest.approx(exact, rel=0.095)
    first = percentiles_ms(found[Measured.FIRST_TOKEN])[0]
    assert first == pytest.approx(took[199] / 4, rel=0.095)
    steps = await sync_to_async(latency_course)(TENANT, axis(_hour(), 900))
    assert [sum(step[Measured.DURATION].values()) for step in steps] == [400, 0, 0, 0]


async def test_the_buckets_of_the_database_are_those_of_the_reader(store: EventStore):
    took = [0.0, 0.5, 1.0, 1.01, 2.0, 999.0, 1_024.0, 7_200_000.0]
    await bill(store, *(call(NOON, duration_ms=ms) for ms in took))
    [found] = await sync_to_async(latencies)(TENANT, [_hour()])
    for ms in took:
        assert any(low <= ms < high for low, high in map(bounds_ms, found[Measured.DURATION]))


async def test_users_are_ranked_without_those_who_are_nobody(store: EventStore):
    await bill(store, call(NOON, 5, user="ada"), call(NOON, 9, user="bo"), call(NOON, 100))
    found = await sync_to_async(user_ranking)(TENANT, _hour(), "cost")
    assert [(one.part, one.sums.cost_nanousd) for one in found] == [("bo", 9), ("ada", 5)]


async def test_a_tenant_that_is_removed_leaves_the_others_figures(store: EventStore):
    await bill(store, call(NOON, 3, duration_ms=10.0), call(NOON, 4, model="rare"))
    await bill(store, call(NOON, 5, duration_ms=10.0), tenant_id=OTHER_TENANT)

    def remove() -> None:
        with psycopg.connect(conninfo()) as connection:
            upkeep.remove_tenants(connection, [TENANT])

    await sync_to_async(remove)()
    [left] = await sync_to_async(totals)(PLATFORM, [_hour()])
    assert (left.calls.requests, left.calls.cost_nanousd) == (1, 5)
    assert [one.part for one in await sync_to_async(ranking)(PLATFORM, Kind.TENANT, _hour())] == [OTHER_TENANT]
    [histograms] = await sync_to_async(latencies)(PLATFORM, [_hour()])
    assert sum(histograms[Measured.DURATION].values()) == 1
    assert (await sync_to_async(totals)(TENANT, [_hour()]))[0].calls.requests == 0


async def test_minutes_go_when_nobody_asks_for_them_any_more(store: EventStore):
    await bill(store, call(NOW - timedelta(days=4)), call(NOW - timedelta(hours=1)))

    async with await psycopg.AsyncConnection.connect(await sync_to_async(conninfo)(), autocommit=True) as connection:
        await drop_old(connection, NOW)
    counts = dict(
        await sync_to_async(query)(
            "SELECT grain, sum(requests)::int FROM events_traffic WHERE scope = '*' AND kind = 0 GROUP BY 1"
        )
    )
    assert counts == {Grain.MINUTE: 1, Grain.QUARTER: 2, Grain.HOUR: 2, Grain.DAY: 2}
