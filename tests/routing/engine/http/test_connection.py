"""However the network cuts a response, it reads the same."""

from __future__ import annotations

import asyncio
import gzip
import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ProviderBadResponse, ProviderError
from routing.engine.http.connection import Connection
from routing.engine.http.stream import HttpStream

BODY = b"data: one\n\n" * 20
PACKED = gzip.compress(BODY)
RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX: 1\r\nx: 2\r\n\r\n" % len(BODY) + BODY,
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:7], BODY[7:9], BODY[9:]))
    + b"0\r\nx-trailer: 1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY,
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED,
    b"HTTP/1.1 204 No\r\n\r\n",
]


class Wire:
    """A transport that keeps what is written and whether it was closed."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def outcome(data: bytes, cuts: list[int], *, streamed: bool) -> Any:
    """What a caller gets when ``data`` arrives cut at ``cuts`` and the server closes; the error's class if none."""

    async def run() -> Any:
        freed: list[Connection] = []
        connection = Connection(asyncio.get_running_loop(), freed.append, lambda _: None)
        connection.connection_made(Wire())  # type: ignore[arg-type]
        waiter = connection.start(b"GET", head_only=False, streamed=streamed)
        edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
        for start, end in itertools.pairwise(edges):
            if start != end and connection.usable:
                connection.data_received(data[start:end])
        kept = bool(freed)
        if connection.usable:
            connection.eof_received()
        try:
            result = await waiter
            if isinstance(result, HttpStream):
                return result.status, result.headers, b"".join([piece async for piece in result]), kept
        except ProviderError as error:
            return type(error), str(error)
        return result.status, result.headers, result.body, kept

    return asyncio.run(run())


@given(st.sampled_from(RESPONSES), st.lists(st.integers(min_value=0, max_value=2000), max_size=30), st.booleans())
def test_any_cutting_of_a_response_gives_the_same_result(data: bytes, cuts: list[int], streamed: bool):
    whole = outcome(data, [], streamed=False)
    assert whole[0] in {200, 204, 503}
    assert outcome(data, cuts, streamed=streamed) == whole


@given(st.sampled_from(RESPONSES[:2]), st.integers(min_value=1, max_value=200), st.booleans())
def test_a_response_that_breaks_off_is_never_taken_for_whole(data: bytes, missing: int, streamed: bool):
    assert outcome(data[:-missing], [], streamed=streamed)[0] is ProviderBadResponse


@given(st.binary(min_size=1, max_size=300), st.lists(st.integers(min_value=0, max_value=300), max_size=5))
def test_bytes_that_are_not_http_are_a_bad_response_or_none(data: bytes, cuts: list[int]):
    assert outcome(data, cuts, streamed=False)[0] is ProviderBadResponse
