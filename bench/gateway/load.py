"""A load generator light enough to share a core with the upstream: one protocol object a connection, no HTTP library.

``python -m bench.gateway.load URL --key KEY …`` prints one JSON object. Latencies are in seconds; in the open loop
they count from the instant at which the request was due, so that a stalled server cannot hide its queue.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import msgspec
import uvloop

from bench.gateway.upstream import in_letters


@dataclass
class Sample:
    """What happened to the requests of one run."""

    latencies: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    """To the first token of a stream; empty for whole answers."""
    failed: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, float]:
        ordered, firsts = sorted(self.latencies), sorted(self.first_bytes)
        result = {
            "calls": len(ordered),
            "failed": self.failed,
            "seconds": self.seconds,
            "per_second": len(ordered) / self.seconds if self.seconds else 0.0,
        }
        for name, values in (("latency", ordered), ("first_token", firsts)):
            if values:
                for label, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)):
                    result[f"{name}_{label}"] = values[min(len(values) - 1, int(len(values) * share))]
        return result


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, requests: Iterator[bytes], sample: Sample, idle: Callable[[Connection], None]) -> None:
        self.requests = requests
        self.sample = sample
        self.idle = idle
        self.buffer = bytearray()
        self.due = 0.0
        self.first = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.due:
            self.sample.failed += 1

    def send(self, due: float) -> None:
        assert self.transport is not None
        self.due = due
        self.first = 0.0
        self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        buffer = self.buffer
        head = buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = buffer.find(b"content-length:", 0, head)
        if at >= 0:
            size = int(buffer[at + 15 : buffer.find(b"\r\n", at)])
            if len(buffer) < head + 4 + size:
                return
        else:
            if not self.first and buffer.find(b'"content":"', head) >= 0:
                self.first = time.perf_counter()
            if not buffer.endswith(b"0\r\n\r\n"):
                return
        now = time.perf_counter()
        if buffer.startswith(b"HTTP/1.1 200"):
            self.sample.latencies.append(now - self.due)
            if self.first:
                self.sample.first_bytes.append(self.first - self.due)
        else:
            self.sample.failed += 1
        buffer.clear()
        self.due = 0.0
        self.idle(self)


async def connect(
    url: str, requests: Iterator[bytes], sample: Sample, count: int, idle: Callable[[Connection], None]
) -> list[Connection]:
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    found = []
    for _ in range(count):
        _, connection = await loop.create_connection(
            lambda: Connection(requests, sample, idle), parts.hostname or "", parts.port or 80
        )
        found.append(connection)
    return found


async def closed_loop(url: str, requests: Iterator[bytes], *, in_flight: int, calls: int, warm: int) -> Sample:
    """``in_flight`` callers, each sending its next request when it has the answer to the last."""
    sample = Sample()
    left = warm + calls
    done = asyncio.get_running_loop().create_future()
    active = in_flight
    started = time.perf_counter()

    def next_call(connection: Connection) -> None:
        nonlocal left, active, started
        if left == calls:
            started = time.perf_counter()
            sample.latencies.clear()
            sample.first_bytes.clear()
        if left > 0:
            left -= 1
            connection.send(time.perf_counter())
            return
        active -= 1
        if active == 0 and not done.done():
            done.set_result(None)

    connections = await connect(url, requests, sample, in_flight, next_call)
    for connection in connections:
        next_call(connection)
    await done
    sample.seconds = time.perf_counter() - started
    _close(connections)
    return sample


async def open_loop(url: str, requests: Iterator[bytes], *, rate: float, calls: int, warm: int) -> Sample:
    """Requests are due ``rate`` times a second, whatever became of those before."""
    sample = Sample()
    free: deque[Connection] = deque()
    overdue: deque[float] = deque()
    answered = 0
    done = asyncio.get_running_loop().create_future()

    def give_back(connection: Connection) -> None:
        nonlocal answered
        answered += 1
        if answered == warm:
            sample.latencies.clear()
            sample.first_bytes.clear()
        if overdue:
            connection.send(overdue.popleft())
        else:
            free.append(connection)
        if answered == warm + calls and not done.done():
            done.set_result(None)

    connections = await connect(url, requests, sample, 64, give_back)
    free.extend(connections)
    started = time.perf_counter() + 0.05
    for number in range(warm + calls):
        due = started + number / rate
        delay = due - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        if free:
            # Counted from the real sending: the generator's own lateness is not the server's.
            free.popleft().send(max(due, time.perf_counter()))
        else:
            overdue.append(due)
    await asyncio.wait_for(done, 60)
    sample.seconds = calls / rate
    _close(connections)
    return sample


def _close(connections: list[Connection]) -> None:
    for connection in connections:
        if connection.transport is not None:
            connection.transport.close()


def build_requests(url: str, key: str, texts: Sequence[str], *, stream: bool, new: bool) -> Iterator[bytes]:
    """The bytes of chat requests, one after the other: the texts in turn, ``new`` with a word that no other has."""
    if not new:
        return cycle([build_request(url, key, text, stream=stream) for text in texts])
    begun = time.time_ns() // 10_000
    numbered = (f"{in_letters(begun + number).decode()} {text}" for number, text in enumerate(cycle(texts)))
    return (build_request(url, key, text, stream=stream) for text in numbered)


def build_request(url: str, key: str, text: str, *, stream: bool) -> bytes:
    """The bytes of one chat request."""
    parts = urlsplit(url)
    body = b'{"model":"bench","messages":[{"role":"user","content":%s}]%s}' % (
        json.dumps(text).encode(),
        b',"stream":true' if stream else b"",
    )
    return (
        f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--key", default="none")
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--warm", type=int, default=100)
    parser.add_argument("--in-flight", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; 0 for the closed loop")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--texts", type=Path, help="a JSON array of prompts; else one short question")
    parser.add_argument("--new", action="store_true", help="no prompt is sent twice")
    options = parser.parse_args()
    texts = msgspec.json.decode(options.texts.read_bytes()) if options.texts else ["Hello, who are you?"]
    requests = build_requests(options.url, options.key, texts, stream=options.stream, new=options.new)
    if options.rate:
        run = open_loop(options.url, requests, rate=options.rate, calls=options.calls, warm=options.warm)
    else:
        run = closed_loop(options.url, requests, in_flight=options.in_flight, calls=options.calls, warm=options.warm)
    json.dump(uvloop.run(run).as_json(), sys.stdout)


if __name__ == "__main__":
    main()
