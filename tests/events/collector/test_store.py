from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections

from events.collector.database import conninfo
from events.collector.store import EventStore, StoreUnavailable
from events.engine.spool import Position
from events.models import EventRecord, QuarantinedEvent, Run, RunState, SpoolPosition, UsageRecord
from gateway.kept_ends import KeptEnd
from tests.events.builders import TENANT, batch, completed, context, failed, line, started

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    address = await sync_to_async(conninfo)()
    opened = EventStore(address, retention=timedelta(days=30))
    yield opened
    await opened.aclose()
    await sync_to_async(connections.close_all)()


def _lines(*lines: bytes) -> bytes:
    return b"".join(text + b"\n" for text in lines)


async def test_events_their_run_and_the_position_are_written(store: EventStore):
    of = context("c1")
    data = _lines(line(started(requested_model="fast"), of), line(completed(cost_nanousd=1500), of))
    written = await store.write([batch(data)])
    assert [event.envelope.event_type for event in written.events] == ["llm.request.started", "llm.request.completed"]
    assert written.positions == {"spool-1": Position(1, len(data))}
    assert await EventRecord.objects.filter(correlation_id="c1").acount() == 2
    run = await Run.objects.aget(pk="c1")
    assert (run.state, run.tenant_id, run.requested_model) == (RunState.COMPLETED, TENANT, "fast")
    assert (run.cost_nanousd, run.provider) == (1500, "openai")
    position = await SpoolPosition.objects.aget(pk="spool-1")
    assert (position.segment, position.offset) == (1, len(data))


async def test_a_batch_delivered_again_writes_nothing(store: EventStore):
    again = batch(_lines(line(started(), context())))
    await store.write([again])
    written = await store.write([again])
    assert (written.events, written.duplicates) == ([], 1)
    assert await EventRecord.objects.acount() == 1


async def test_the_same_event_in_batches_cut_differently_is_written_once(store: EventStore):
    first, second = line(started(), context()), line(completed(), context())
    await store.write([batch(_lines(first), end=Position(1, len(first) + 1))])
    written = await store.write([batch(_lines(first, second))])
    assert [event.line for event in written.events] == [second]
    assert written.duplicates == 1
    assert await EventRecord.objects.acount() == 2


async def test_an_end_that_is_told_again_on_another_day_is_stored_and_billed_once(store: EventStore):
    end = KeptEnd.of(completed(cost_nanousd=1500), context("c1"))
    now = datetime.now(UTC)
    first = line(end.payload, end.context, now)
    again = line(end.payload, end.context, now + timedelta(days=1))

    await store.write([batch(_lines(first), spool_id="a")])
    written = await store.write([batch(_lines(again), spool_id="b")])

    assert (written.events, written.duplicates) == ([], 1)
    assert await UsageRecord.objects.filter(correlation_id="c1").acount() == 1


async def test_a_run_whose_end_is_written_first_is_whole_in_the_end(store: EventStore):
    of = context("c1")
    start, end = line(started(requested_model="fast"), of), line(failed(), of)
    await store.write([batch(_lines(end), spool_id="b")])
    await store.write([batch(_lines(start), spool_id="a")])
    run = await Run.objects.aget(pk="c1")
    assert (run.state, run.requested_model, run.error_code) == (RunState.FAILED, "fast", "PROVIDER_TIMEOUT")


async def test_another_tenant_cannot_write_into_a_run(store: EventStore):
    await store.write([batch(_lines(line(started(requested_model="mine"), context("c1"))), spool_id="a")])
    await store.write([batch(_lines(line(failed(), context("c1", tenant_id="other"))), spool_id="b")])
    run = await Run.objects.aget(pk="c1")
    assert (run.tenant_id, run.state) == (TENANT, RunState.RUNNING)


async def test_what_is_no_event_is_kept_aside_once_and_blocks_nothing(store: EventStore):
    good = line(started(), context())
    data = _lines(b"garbage", good, b'{"event_type":"x"}')
    written = await store.write([batch(data)])
    assert (len(written.events), written.quarantined) == (1, 2)
    await store.write([batch(data, spool_id="spool-2")])
    assert await QuarantinedEvent.objects.acount() == 2
    assert await QuarantinedEvent.objects.filter(source="spool-1").acount() == 2


async def test_events_that_postgresql_refuses_are_found_and_kept_aside(store: EventStore):
    good = [line(started(), context(f"c{number}")) for number in range(9)]
    bad = line(started(), context("nul\x00nul"))
    huge = line(completed(input_tokens=2**63), context("huge"))
    written = await store.write([batch(_lines(*good[:4], bad, *good[4:7], huge, *good[7:]))])
    assert len(written.events) == 9
    assert written.quarantined == 2
    assert await QuarantinedEvent.objects.filter(reason="refused_by_database").acount() == 2
    assert await Run.objects.acount() == 9


async def test_what_was_kept_aside_is_stored_once_it_is_known(store: EventStore, monkeypatch: pytest.MonkeyPatch):
    data = _lines(line(started(), context("c1")), b"garbage")
    with monkeypatch.context() as before_upgrade:
        before_upgrade.delitem(store._decoder._payloads, "llm.request.started")
        assert (await store.write([batch(data)])).quarantined == 2
    stored, kept = await store.retry_quarantined()
    assert [event.envelope.correlation_id for event in stored] == ["c1"]
    assert kept == 1
    assert (await Run.objects.aget(pk="c1")).state == RunState.RUNNING
    assert await store.retry_quarantined() == ([], 1)


async def test_tabs_newlines_and_backslashes_arrive_unharmed(store: EventStore):
    text = 'a\tb\nc\\d\\t"é\u2028'
    await store.write([batch(_lines(line(started(user=text), context("t\ta\\b"))))])
    event = await EventRecord.objects.aget()
    assert event.correlation_id == "t\ta\\b"
    assert event.payload["user"] == text
    assert (await Run.objects.aget()).end_user == text


async def test_a_day_without_a_partition_gets_one(store: EventStore):
    day = datetime.now(UTC) - timedelta(days=20)
    await store.write([batch(_lines(line(started(), context("old"), day)))])
    assert (await EventRecord.objects.aget(correlation_id="old")).occurred_at.date() == day.date()


async def test_upkeep_makes_partitions_ahead_and_drops_those_past_retention(store: EventStore):
    old = datetime.now(UTC) - timedelta(days=28)
    await store.write([batch(_lines(line(started(), context("old"), old), line(started(), context("new"))))])
    shorter = EventStore(await sync_to_async(conninfo)(), retention=timedelta(days=7))
    try:
        await shorter.maintain()
    finally:
        await shorter.aclose()
    assert [event.correlation_id async for event in EventRecord.objects.all()] == ["new"]
    assert [run.correlation_id async for run in Run.objects.all()] == ["new"]
    days = await sync_to_async(_partition_days)()
    assert datetime.now(UTC).date() + timedelta(days=2) in days
    assert old.date() not in days


async def test_upkeep_marks_calls_that_will_never_end(store: EventStore):
    long_ago = datetime.now(UTC) - timedelta(hours=3)
    data = _lines(line(started(), context("dead"), long_ago), line(started(), context("alive")))
    await store.write([batch(data)])
    await store.maintain()
    assert (await Run.objects.aget(pk="dead")).state == RunState.LOST
    assert (await Run.objects.aget(pk="alive")).state == RunState.RUNNING


async def test_a_database_that_cannot_be_reached_is_told_apart():
    store = EventStore("host=/nowhere dbname=none", retention=timedelta(days=1))
    with pytest.raises(StoreUnavailable):
        await store.write([batch(_lines(line(started(), context())))])


def _partition_days() -> set[date]:
    from events.collector.partitions import day_of

    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'events_event'::regclass")
        return {day for (name,) in cursor.fetchall() if (day := day_of(name)) is not None}
