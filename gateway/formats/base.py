"""What an ingress format is: one wire format of a chat endpoint, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

import msgspec

from contracts.chat import ChatChunk, ChatRequest, ChatResult, JsonObject, Usage
from contracts.errors import GatewayError

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class AnswerFacts(msgspec.Struct):
    """What Breakwater adds to an answer, known once the call is settled."""

    correlation_id: str
    trace_id: str
    route: str
    provider: str
    model: str
    usage: Usage
    cost_nanousd: int | None
    """None when the model's price is unknown."""
    citations: list[JsonObject] = []
    cited_texts: dict[int, str] = {}
    """The whole passages that are cited, by number, for formats that tell them."""
    more: JsonObject = {}
    """What is told of answers that rest on documents."""

    def as_fields(self) -> JsonObject:
        """The top-level fields every format adds to its own."""
        cost: JsonObject = {"currency": "USD", "nanousd": self.cost_nanousd, "total": None}
        if self.cost_nanousd is not None:
            cost["total"] = self.cost_nanousd / 1_000_000_000
        return {
            "cost": cost,
            "citations": self.citations,
            **self.more,
            "trace_id": self.trace_id,
            "correlation_id": self.correlation_id,
            "route": self.route,
            "provider": self.provider,
        }


class StreamRenderer(Protocol):
    """Renders one streamed answer; each method returns bytes ready to be sent (perhaps none)."""

    def feed(self, chunk: ChatChunk) -> bytes:
        """One chunk from the provider."""

    def finish(self, facts: AnswerFacts) -> bytes:
        """The end of a complete answer."""

    def error(self, error: GatewayError) -> bytes:
        """The end of an answer that broke off."""


class ChatFormat(Protocol):
    """A chat endpoint's wire format."""

    def parse(self, body: JsonObject, headers: Mapping[str, str] = NO_HEADERS) -> ChatRequest:
        """The validated request; ``headers`` (lower-case names) for what a format says there.

        Raises:
            InvalidRequest: malformed; ``param`` names the field.
            UnsupportedParameter: valid in this format, but it has no internal equivalent.
        """

    def render(self, result: ChatResult, facts: AnswerFacts) -> JsonObject:
        """A whole answer."""

    def open_stream(self, request: ChatRequest, *, correlation_id: str) -> StreamRenderer:
        """A renderer for one streamed answer."""

    def error_body(self, error: GatewayError, correlation_id: str) -> JsonObject:
        """An error answer."""
