"""What an adapter is.

An adapter translates between the internal chat types and one provider's wire format. It does no I/O and keeps
no state between calls: ``Adapter`` methods are pure, a ``StreamParser`` belongs to one response. Whatever the
provider has no equivalent for is refused in :meth:`Adapter.check`, never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from contracts.chat import ChatChunk, ChatRequest, ChatResult, EmbeddingRequest, EmbeddingResult
from contracts.errors import ProviderError
from contracts.ports import UpstreamRequest
from contracts.specs import TargetSpec


class StreamParser(Protocol):
    """Turns the bytes of one streamed response into chunks, whatever the boundaries of the pieces."""

    def feed(self, data: bytes) -> list[ChatChunk]:
        """Chunks completed by ``data``.

        Raises:
            ProviderError: the provider reported an error inside the stream, or sent garbage.
        """

    def close(self) -> list[ChatChunk]:
        """Chunks held back until the end of the response.

        Raises:
            ProviderBadResponse: the response ended before the provider said that the answer was complete.
        """


class Adapter(Protocol):
    """One provider kind."""

    kind: str
    supports_embeddings: bool

    def unsupported_params(self, request: ChatRequest, target: TargetSpec) -> list[str]:
        """Top-level fields (or ``messages[i].content`` kinds) of ``request`` that this provider cannot honour.

        Those in ``target.drop_params`` are not listed: they will be left out.
        """

    def build_chat(self, request: ChatRequest, target: TargetSpec) -> UpstreamRequest:
        """The HTTP request for a chat call; streamed when ``request.stream`` is true."""

    def parse_chat(self, body: bytes, request: ChatRequest, target: TargetSpec) -> ChatResult:
        """A whole 2xx answer.

        Raises:
            ProviderBadResponse: the body is not what the provider's API promises.
        """

    def open_chat_stream(self, request: ChatRequest, target: TargetSpec) -> StreamParser:
        """A parser for one streamed 2xx answer."""

    def build_embeddings(self, request: EmbeddingRequest, target: TargetSpec) -> UpstreamRequest:
        """The HTTP request for an embeddings call."""

    def parse_embeddings(self, body: bytes, request: EmbeddingRequest, target: TargetSpec) -> EmbeddingResult:
        """A whole 2xx answer to an embeddings call.

        Raises:
            ProviderBadResponse: the body is not what the provider's API promises.
        """

    def classify_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error class, the provider's own words and its ``Retry-After`` for a response that is not 2xx."""
