"""A provider that costs nothing: answers every chat request at once, in OpenAI's format, over HTTP/1.1 keep-alive.

``python -m bench.gateway.upstream PORT``
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from typing import cast

import uvloop

ANSWER = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"bench","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"Hello there %s, how can I help you today?"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":10,"total_tokens":19}}'
)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER % b"aaaaaaaa")

WORDS = ("Hello", " there", ",", " how", " can", " I", " help", " you", " today", "?")


def _chunk(delta: str, finish: str = "null") -> bytes:
    return (
        '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"bench",'
        f'"choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}'
    ).encode()


def _events() -> list[bytes]:
    chunks = [_chunk('{"role":"assistant","content":""}')]
    chunks += [_chunk(f'{{"content":"{word}"}}') for word in WORDS]
    chunks.append(_chunk("{}", '"stop"'))
    chunks.append(
        b'{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"bench","choices":[],'
        b'"usage":{"prompt_tokens":9,"completion_tokens":10,"total_tokens":19}}'
    )
    return [b"data: " + chunk + b"\n\n" for chunk in chunks] + [b"data: [DONE]\n\n"]


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM = STREAM_HEAD + b"".join(map(_http_chunk, _events())) + b"0\r\n\r\n"


_LETTERS = bytes.maketrans(b"0123456789", b"kotulipane")


class Provider(asyncio.Protocol):
    """One connection; requests are answered in order. No two whole answers are the same."""

    answered = count()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            size = _content_length(self.buffer[:end].lower())
            if len(self.buffer) < end + 4 + size:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + size], self.buffer[end + 4 + size :]
            streamed = b'"stream":true' in body or b'"stream": true' in body
            self.transport.write(STREAM if streamed else HEAD + ANSWER % in_letters(next(self.answered)))


def in_letters(number: int) -> bytes:
    """Eight letters, others for each number: figures would be somebody's number to guardrails."""
    return (b"%08d" % (number % 10**8)).translate(_LETTERS)


def _content_length(head: bytes) -> int:
    at = head.find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
