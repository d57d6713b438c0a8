"""Each ended call is billed once, whatever comes twice, late or from two collectors; rollups are the ledger's sums."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import IntegrityError, connection, transaction

from events.collector.database import conninfo
from events.collector.store import EventStore
from events.ledger import writing
from events.ledger.checking import differences
from events.models import EventRecord, UsageRecord
from tests.events.builders import TENANT, batch, completed, context, failed, line, rejected, started
from tests.events.ledger.ledger_tables import bill, call, opened_store, query

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    async with opened_store() as opened:
        yield opened


def _lines(*lines: bytes) -> bytes:
    return b"".join(text + b"\n" for text in lines)


async def _exact() -> bool:
    return await sync_to_async(differences)() == []


async def _sum(table: str = "events_usage_rollup", grain: int = 2) -> tuple[int, int]:
    [row] = await sync_to_async(query)(
        f"SELECT COALESCE(sum(requests), 0), COALESCE(sum(cost_nanousd), 0) FROM {table} WHERE grain = {grain}"
    )
    return int(row[0]), int(row[1])


async def test_a_completed_call_is_one_row_with_all_that_it_used(store: EventStore):
    of = context("c1")
    figures = {"input_tokens": 100, "output_tokens": 50, "cached_input_tokens": 20, "cache_write_tokens": 5}
    more = {"reasoning_tokens": 7, "audio_input_tokens": 3, "audio_output_tokens": 2, "usage_estimated": True}
    whose = {"team_id": "team-1", "user": "ada", "tags": {"feature": "search"}, "cost_nanousd": 12_345}
    await store.write([batch(_lines(line(completed(**figures, **more, **whose, duration_ms=12.3456), of, NOON)))])
    row = await UsageRecord.objects.aget()
    assert (row.correlation_id, row.tenant_id, row.team_id, row.key_id) == ("c1", TENANT, "team-1", "key-1")
    assert (row.end_user, row.route, row.provider, row.model) == ("ada", "default", "openai", "gpt")
    assert (row.tags, row.operation, row.endpoint) == ({"feature": "search"}, "chat", "/v1/chat/completions")
    assert {name: getattr(row, name) for name in figures} == figures
    assert {name: getattr(row, name) for name in more} == more
    assert (row.cost_nanousd, row.price_unknown, row.cached_answer) == (12_345, False, False)
    assert (row.status, row.error_code, row.duration_us, row.occurred_at) == ("completed", None, 12_346, NOON)


async def test_a_failed_call_is_billed_with_its_error_code(store: EventStore):
    await bill(store, (failed(input_tokens=9, cost_nanousd=90), NOON))
    row = await UsageRecord.objects.aget()
    assert (row.status, row.error_code, row.provider, row.cost_nanousd) == ("failed", "PROVIDER_TIMEOUT", None, 90)
    assert await _exact()


async def test_an_unknown_price_is_told_and_is_not_nothing(store: EventStore):
    await bill(store, call(NOON, cost=None), call(NOON, cost=0))
    assert await UsageRecord.objects.filter(cost_nanousd=None, price_unknown=True).acount() == 1
    [sums] = await sync_to_async(query)("SELECT requests, price_unknown FROM events_usage_rollup WHERE grain = 2")
    assert sums == (2, 1)


async def test_calls_that_did_not_end_or_never_were_are_not_billed(store: EventStore):
    await store.write([batch(_lines(line(started(), context()), line(rejected(), context())))])
    assert await UsageRecord.objects.acount() == 0
    assert await _sum() == (0, 0)


async def test_a_batch_delivered_again_bills_nothing(store: EventStore):
    again = batch(_lines(line(completed(cost_nanousd=7), context())))
    await store.write([again])
    await store.write([again])
    assert await UsageRecord.objects.acount() == 1
    assert await _sum() == (1, 7)


async def test_the_same_event_from_another_spool_bills_nothing(store: EventStore):
    event = _lines(line(completed(cost_nanousd=7), context()))
    await store.write([batch(event, spool_id="a"), batch(event, spool_id="b")])
    await store.write([batch(event, spool_id="c")])
    assert await _sum() == (1, 7)
    assert await _exact()


async def test_a_call_that_ends_twice_is_billed_once(store: EventStore):
    of = context("twice")
    first, second = line(completed(cost_nanousd=7), of, NOON), line(failed(cost_nanousd=9), of, NOON)
    await store.write([batch(_lines(first), spool_id="a")])
    await store.write([batch(_lines(second), spool_id="b")])
    assert await EventRecord.objects.acount() == 2
    assert await _sum() == (1, 7)


@pytest.mark.parametrize("together", [True, False])
async def test_a_call_that_ends_on_both_sides_of_midnight_is_billed_once(store: EventStore, together: bool):
    midnight = NOON.replace(hour=0)
    of = context("twice")
    before = line(completed(cost_nanousd=7), of, midnight - timedelta(seconds=1))
    after = line(failed(cost_nanousd=9), of, midnight + timedelta(seconds=1))
    if together:
        await store.write([batch(_lines(after, before))])
    else:
        await store.write([batch(_lines(before), spool_id="a")])
        await store.write([batch(_lines(after), spool_id="b")])
    assert await _sum() == (1, 7)
    assert await _exact()


async def test_the_same_correlation_id_in_another_tenant_is_another_call(store: EventStore):
    data = _lines(*(line(completed(cost_nanousd=7), context("same", tenant_id=tenant)) for tenant in ("a", "b")))
    await store.write([batch(data)])
    assert await UsageRecord.objects.acount() == 2
    assert await _exact()


async def test_late_events_are_added_to_the_day_on_which_they_happened(store: EventStore):
    long_ago = NOON - timedelta(days=20)
    await bill(store, call(NOON, 5))
    await bill(store, call(long_ago, 7))
    await bill(store, call(long_ago + timedelta(minutes=1), 11))
    days = await sync_to_async(query)("SELECT start, cost_nanousd FROM events_usage_daily ORDER BY start")
    assert days == [(long_ago.replace(hour=0), 18), (NOON.replace(hour=0), 5)]
    assert await _exact()


async def test_rollups_are_exactly_the_sums_of_the_ledger(store: EventStore):
    rng = Random(7)

    def some_call():
        at = NOON - timedelta(seconds=rng.randrange(3 * 86_400), microseconds=rng.randrange(1_000_000))
        whose: dict[str, Any] = {"key_id": f"key-{rng.randrange(3)}", "team_id": rng.choice([None, "team-1"])}
        whose |= {
            "user": rng.choice([None, "ada", "grace"]),
            "tags": rng.choice([{}, {"a": "1"}, {"a": "2", "b": "x"}]),
        }
        used = {"input_tokens": rng.randrange(10_000), "output_tokens": rng.randrange(1_000)}
        cost = rng.choice([None, rng.randrange(10**12)])
        kind = rng.choice([completed, failed])
        return kind(**whose, **used, cost_nanousd=cost, duration_ms=rng.random() * 1e4), at

    for _ in range(5):
        await bill(store, *(some_call() for _ in range(60)))
    assert await UsageRecord.objects.acount() == 300
    assert await _exact()
    assert (await _sum())[0] == (await _sum(grain=0))[0] == (await _sum("events_usage_by_user"))[0] == 300


async def test_collectors_that_write_the_same_events_at_once_bill_each_call_once(store: EventStore):
    others = [EventStore(await sync_to_async(conninfo)(), retention=timedelta(days=60)) for _ in range(3)]
    calls = [line(completed(cost_nanousd=3, user=f"u{n % 5}", tags={"n": str(n % 3)}), context()) for n in range(120)]
    rng = Random(1)

    async def collect(collector: EventStore, name: str) -> None:
        mixed = rng.sample(calls, len(calls))
        for start in range(0, len(mixed), 20):
            await collector.write([batch(_lines(*mixed[start : start + 20]), spool_id=f"{name}-{start}")])

    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as collecting:
            for number, each in enumerate([store, *others]):
                collecting.create_task(collect(each, f"s{number}"))
    finally:
        for each in others:
            await each.aclose()
    assert await _sum() == (120, 360)
    assert await _exact()


@pytest.mark.parametrize("figures", [{"cost_nanousd": 2**63 - 1}, {"cost_nanousd": 2**53 + 1}, {"input_tokens": 2**60}])
async def test_a_figure_that_no_call_can_have_is_kept_aside_and_every_other_call_billed(
    store: EventStore, figures: dict[str, int]
):
    huge = completed(**figures)
    await bill(store, (huge, NOON), (huge, NOON), call(NOON, 5))
    assert await _sum() == (1, 5)
    assert await _exact()


async def test_tags_beyond_the_bound_count_as_none(store: EventStore, monkeypatch: pytest.MonkeyPatch):
    bounded = writing._NEW_TAGS.replace(f"<= {writing.MAX_TAGS} -", "<= 2 -")
    monkeypatch.setattr(writing, "_NEW_TAGS", bounded)
    for number in range(4):
        await bill(store, call(NOON, tags={"id": str(number)}))
    await bill(store, call(NOON, tags={"id": "0"}))
    rows = await sync_to_async(query)(
        "SELECT k.value, sum(r.requests) FROM events_usage_by_tag r JOIN events_usage_tag k ON k.id = r.tag_id"
        " WHERE r.grain = 2 GROUP BY 1 ORDER BY 1"
    )
    assert [(value, int(requests)) for value, requests in rows] == [("0", 2), ("1", 1)]
    assert await _sum() == (5, 5_000)


@pytest.mark.parametrize("statement", ["UPDATE events_usage SET cost_nanousd = 0", "DELETE FROM events_usage"])
async def test_the_ledger_cannot_be_rewritten(store: EventStore, statement: str):
    await bill(store, call(NOON))

    def rewrite() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    with pytest.raises(IntegrityError, match="append-only"):
        await sync_to_async(rewrite)()
    assert await _sum() == (1, 1_000)


async def test_a_crash_before_the_commit_bills_nothing_and_the_next_try_bills_once(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
):
    import psycopg

    from events.collector.store import StoreUnavailable

    data = batch(_lines(line(completed(cost_nanousd=7), context())))
    with monkeypatch.context() as broken:

        async def fail(*_: object) -> None:
            raise psycopg.OperationalError("the server went away")

        broken.setattr(store, "_advance", fail)
        with pytest.raises(StoreUnavailable):
            await store.write([data])
    assert await _sum() == (0, 0)
    await store.write([data])
    assert await _sum() == (1, 7)


async def test_upkeep_drops_old_days_of_the_ledger_only_when_they_are_empty(store: EventStore):
    old, older = NOON - timedelta(days=20), NOON - timedelta(days=21)
    await bill(store, call(old), call(older))

    def purge() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL breakwater.ledger = 'purge'")
            cursor.execute("DELETE FROM events_usage WHERE occurred_at < %s", [older + timedelta(hours=12)])

    await sync_to_async(purge)()
    shorter = EventStore(await sync_to_async(conninfo)(), retention=timedelta(days=7))
    try:
        await shorter.maintain()
    finally:
        await shorter.aclose()
    names = {name for (name,) in await sync_to_async(query)("SELECT inhrelid::regclass::text FROM pg_inherits")}
    assert f"events_usage_{old:%Y_%m_%d}" in names
    assert f"events_usage_{older:%Y_%m_%d}" not in names
    assert await _sum() == (2, 2_000)
