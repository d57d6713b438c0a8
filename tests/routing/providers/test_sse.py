"""The event-stream parser against the standard's rules, at any chunk boundaries."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ProviderBadResponse
from routing.providers.sse import SseEvent, SseParser

LINES = st.sampled_from(
    [
        "data: a",
        "data:b",
        "data",
        "data:  two spaces",
        'data: {"é": "日本"}',
        "event: ping",
        "event:delta",
        "event",
        "id: 7",
        "retry: 10",
        ": comment",
        ":",
        "",
        "",
        "unknown: x",
        "data: \N{GRINNING FACE}",
    ]
)
ENDS = st.sampled_from(["\n", "\r", "\r\n"])


def parse(*pieces: bytes) -> list[SseEvent]:
    parser = SseParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.close()


def by_the_standard(text: str) -> list[SseEvent]:
    """The standard's algorithm as written, line by line, over the whole text."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    events: list[SseEvent] = []
    name, data = "", ""
    for line in lines:
        if line == "":
            if data:
                events.append(SseEvent(name or "message", data[:-1].encode()))
            name, data = "", ""
            continue
        field, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if field == "data":
            data += value + "\n"
        elif field == "event":
            name = value
    return events


@given(st.lists(st.tuples(LINES, ENDS)), st.booleans(), st.data())
def test_any_chunking_gives_the_events_of_the_standard(lines, with_bom, data):
    text = ("\ufeff" if with_bom else "") + "".join(line + end for line, end in lines) + "\n\n"
    raw = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=12)))
    bounds = [0, *cuts, len(raw)]
    pieces = [raw[start:end] for start, end in itertools.pairwise(bounds)]
    assert parse(*pieces) == by_the_standard(text)


@given(st.binary(), st.data())
def test_any_chunking_of_any_bytes_gives_the_same_events(raw, data):
    cut = data.draw(st.integers(0, len(raw)))
    assert parse(raw[:cut], raw[cut:]) == parse(raw) == parse(*(raw[i : i + 1] for i in range(len(raw))))


def test_data_lines_of_one_event_are_joined_by_line_feeds():
    assert parse(b"data: a\ndata: b\n\n") == [SseEvent("message", b"a\nb")]


def test_an_event_without_data_is_not_dispatched_and_its_name_is_forgotten():
    assert parse(b"event: ping\n\ndata: x\n\n") == [SseEvent("message", b"x")]


def test_an_empty_data_field_is_an_event():
    assert parse(b"data:\n\n") == [SseEvent("message", b"")]


def test_an_event_keeps_its_name():
    assert parse(b"event: message_start\ndata: {}\n\n") == [SseEvent("message_start", b"{}")]


def test_comments_are_skipped():
    assert parse(b": OPENROUTER PROCESSING\n\ndata: x\n: more\n\n") == [SseEvent("message", b"x")]


def test_a_byte_order_mark_is_dropped_even_when_split():
    assert parse(b"\xef\xbb", b"\xbfdata: x\n\n") == [SseEvent("message", b"x")]


def test_a_crlf_split_over_two_pieces_is_one_line_end():
    assert parse(b"data: a\r", b"\ndata: b\r\n", b"\r\n") == [SseEvent("message", b"a\nb")]


def test_events_are_given_out_as_soon_as_their_blank_line_is_here():
    parser = SseParser()
    assert parser.feed(b"data: a\n\ndata: b") == [SseEvent("message", b"a")]
    assert parser.feed(b"\n") == []
    assert parser.feed(b"\n") == [SseEvent("message", b"b")]


def test_close_gives_the_last_event_when_only_its_blank_line_is_missing():
    assert parse(b"data: [DONE]\n") == [SseEvent("message", b"[DONE]")]


def test_close_discards_a_line_that_was_cut():
    assert parse(b'data: {"a": 1') == []


@pytest.mark.parametrize(
    "pieces", [[b"data: " + b"x" * 100 + b"\n\n"], [b"data: ", b"x" * 60, b"x" * 60], [b"x" * 101]]
)
def test_an_event_over_the_limit_is_refused(pieces):
    parser = SseParser(max_event_bytes=100)
    with pytest.raises(ProviderBadResponse):
        list(map(parser.feed, pieces))


def test_many_events_in_one_piece_may_together_pass_the_limit():
    assert len(SseParser(max_event_bytes=20).feed(b"data: 0123456789\n\n" * 10)) == 10
