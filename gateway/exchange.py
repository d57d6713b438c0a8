"""One HTTP exchange, independent of the door it came through."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Final, Protocol

import msgspec

from contracts.specs import KeySpec, TenantSpec
from gateway.formats.base import AnswerFacts, ChatFormat
from gateway.kept_ends import KeptEnd

CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"
"""Endpoints of calls that the product makes by itself."""

Headers = list[tuple[bytes, bytes]]
Keep = Callable[[AnswerFacts, bytes, KeptEnd], Awaitable[None]]
"""Takes a whole answer before its call is told as done, and so before it counts as paid, and the event that will tell
it: whoever has to know which calls were paid writes both down there."""


class Insider(msgspec.Struct, frozen=True):
    """In whose name the gateway itself makes a call: no key is presented."""

    key: KeySpec
    tenant: TenantSpec
    guarded: bool = False
    """Whether all rules of policies apply; False: only those that redact or mask."""
    keep: Keep | None = None


class GatewayRequest(msgspec.Struct):
    """A request with its whole body; header names are lower-case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    client_ip: str
    body: bytes
    received_at: float
    """``Clock.monotonic`` instant at which the body was complete."""
    insider: Insider | None = None
    """Of a call that the product makes by itself; None: the call comes from outside."""


class Answer(msgspec.Struct):
    """A whole response (``body``) or a streamed one.

    Whoever gets a ``stream`` must ask for its first piece at once, before anything else can be cancelled, and close
    it when it is not read to its end: only a stream that has begun can account for its call.
    """

    status: int
    headers: Headers
    body: bytes = b""
    stream: AsyncGenerator[bytes, None] | None = None


class Serve(Protocol):
    """As :meth:`gateway.pipeline.Pipeline.serve`."""

    def __call__(self, exchange: GatewayRequest, *, endpoint: str, format_: ChatFormat | None) -> Awaitable[Answer]:
        """Answer one call."""
