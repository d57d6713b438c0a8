from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import RequestStarted
from events.collector.incoming import EventDecoder
from tests.events.builders import completed, context, line, started

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
decoder = EventDecoder(retention=timedelta(days=30))


def _changed(**fields) -> bytes:
    envelope = msgspec.json.decode(line(started(), context(), NOW))
    return msgspec.json.encode({**envelope, **fields})


def test_a_line_becomes_a_typed_event():
    events, refused = decoder.decode(line(started(user="ann"), context("c1"), NOW) + b"\n", NOW)
    assert refused == []
    assert isinstance(events[0].payload, RequestStarted)
    assert events[0].payload.user == "ann"
    assert events[0].occurred_at == NOW
    assert events[0].day == NOW.date()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not json", "not_an_event"),
        (b'{"event_id": "x"}', "not_an_event"),
        (b"\xff\xfe", "not_an_event"),
        (_changed(event_type="llm.request.imagined"), "unknown_type"),
        (_changed(schema_version=99), "unknown_version"),
        (_changed(payload={"endpoint": 7}), "invalid_payload"),
        (_changed(payload=[]), "invalid_payload"),
        (_changed(timestamp="yesterday"), "bad_timestamp"),
        (_changed(timestamp="2020-01-01T00:00:00Z"), "out_of_range"),
        (_changed(timestamp="2027-01-01T00:00:00Z"), "out_of_range"),
    ],
)
def test_what_is_not_an_event_is_refused_with_the_reason_and_the_rest_kept(data: bytes, reason: str):
    good = line(completed(), context(), NOW)
    events, refused = decoder.decode(b"\n".join([data, good, b""]), NOW)
    assert [event.line for event in events] == [good]
    assert [(refusal.line, refusal.reason) for refusal in refused] == [(data, reason)]


def test_nul_characters_are_replaced_because_postgresql_has_none():
    events, _ = decoder.decode(line(started(user="a\x00b"), context(), NOW), NOW)
    assert "\\u0000" not in events[0].payload_json
    assert isinstance(events[0].payload, RequestStarted)
    assert events[0].payload.user == "a\ufffdb"


@given(st.binary(max_size=200))
def test_no_bytes_make_the_decoder_fail(data: bytes):
    events, refused = decoder.decode(data, NOW)
    assert len(events) + len(refused) == sum(1 for part in data.split(b"\n") if part)
