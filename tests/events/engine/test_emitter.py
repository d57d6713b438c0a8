import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from contracts.events import DecisionMade, Envelope, RequestCompleted
from events.engine.emitter import SpoolEmitter
from events.engine.metrics import GatewayMetrics
from events.engine.spool import START, Spool
from tests.events.builders import completed, context, started


def _lines(spool: Spool) -> list[Envelope]:
    chunk = spool.read(START, 1 << 30)
    return [msgspec.json.decode(line, type=Envelope) for line in chunk.data.splitlines()] if chunk else []


def _emitter(spool: Spool, metrics: GatewayMetrics | None = None) -> SpoolEmitter:
    return SpoolEmitter(spool, service_name="breakwater", env="test", observer=metrics)


def test_without_a_loop_an_event_is_on_disk_when_emit_returns(tmp_path: Path):
    spool = Spool.open(tmp_path)
    of = context()
    _emitter(spool).emit(started(), of)
    (envelope,) = _lines(spool)
    assert (envelope.event_type, envelope.tenant_id) == ("llm.request.started", of.tenant_id)
    assert envelope.correlation_id == of.correlation_id
    assert envelope.timestamp.endswith("Z")


async def test_events_are_written_together_soon_after_the_first(tmp_path: Path):
    spool = Spool.open(tmp_path)
    emitter = _emitter(spool)
    for count in (3, 6):
        for _ in range(3):
            emitter.emit(started(), context())
        assert len(_lines(spool)) == count - 3
        async with asyncio.timeout(5):
            while len(_lines(spool)) == count - 3:  # noqa: ASYNC110 - conditions of another task
                await asyncio.sleep(0.0005)
        assert len(_lines(spool)) == count


async def test_events_after_a_flush_wait_for_a_time_of_their_own_and_no_longer(tmp_path: Path):
    spool = Spool.open(tmp_path)
    emitter = _emitter(spool)
    for number in range(1, 20):
        emitter.emit(started(), context())
        emitter.flush()
        await asyncio.sleep(0.0001 * number)  # wherever the timer of the first stands
        emitter.emit(started(), context())
        async with asyncio.timeout(5):
            while len(_lines(spool)) < 2 * number:  # noqa: ASYNC110 - conditions of another task
                await asyncio.sleep(0.0005)


async def test_flush_writes_at_once(tmp_path: Path):
    spool = Spool.open(tmp_path)
    emitter = _emitter(spool)
    emitter.emit(completed(), context())
    emitter.flush()
    assert len(_lines(spool)) == 1


def test_what_json_cannot_hold_is_replaced_and_the_event_kept(tmp_path: Path):
    spool = Spool.open(tmp_path)
    _emitter(spool).emit(completed(output={"text": "\ud800", "number": 2**70}), context())
    payload = msgspec.json.decode(_lines(spool)[0].payload, type=RequestCompleted)
    assert payload.output == {"text": "?", "number": str(2**70)}


def test_an_event_that_cannot_be_encoded_is_counted_and_never_raises(tmp_path: Path):
    spool = Spool.open(tmp_path)
    metrics = GatewayMetrics()
    _emitter(spool, metrics).emit(object(), context())  # type: ignore[arg-type]
    assert _lines(spool) == []
    assert 'events_dropped_total{reason="unencodable"} 1.0' in metrics.render().decode()


def test_a_spool_that_runs_full_refuses_details_first(tmp_path: Path):
    spool = Spool.open(tmp_path, max_bytes=4_000)
    metrics = GatewayMetrics()
    emitter = _emitter(spool, metrics)
    detail = DecisionMade(route="r", route_reason="model", strategy="priority", targets=["x" * 200])
    for _ in range(20):
        emitter.emit(detail, context())
    before = spool.size_bytes
    assert before <= 4_000
    emitter.emit(completed(), context("kept"))
    assert 'events_dropped_total{reason="low_value"}' in metrics.render().decode()
    assert spool.size_bytes >= before


def test_a_disk_that_refuses_keeps_events_in_memory_until_it_takes_them(tmp_path: Path):
    spool = Spool.open(tmp_path, max_bytes=10)
    emitter = _emitter(spool)
    emitter.emit(completed(), context("waits"))
    assert _lines(spool) == []
    spool.max_bytes = 1 << 20
    emitter.flush()
    assert [envelope.correlation_id for envelope in _lines(spool)] == ["waits"]


def test_beyond_its_buffer_a_disk_that_refuses_loses_whole_events_and_counts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    spool = Spool.open(tmp_path, max_bytes=10)
    metrics = GatewayMetrics()
    emitter = _emitter(spool, metrics)
    monkeypatch.setattr("events.engine.emitter.PENDING_BYTES", 3_000)
    for number in range(20):
        emitter.emit(completed(), context(f"call-{number}"))
    spool.max_bytes = 1 << 20
    emitter.flush()
    kept = [envelope.correlation_id for envelope in _lines(spool)]
    assert kept == [f"call-{number}" for number in range(len(kept))]
    assert 0 < len(kept) < 20
    assert f'events_dropped_total{{reason="spool_full"}} {20 - len(kept)}.0' in metrics.render().decode()


def test_one_event_that_cannot_be_encoded_does_not_take_others_with_it(tmp_path: Path):
    spool = Spool.open(tmp_path)
    emitter = _emitter(spool)
    with emitter._lock:
        emitter._pending.append((completed(output={1j}), context("odd"), time.time_ns()))
    emitter.emit(completed(), context("plain"))
    assert [envelope.correlation_id for envelope in _lines(spool)] == ["odd", "plain"]
