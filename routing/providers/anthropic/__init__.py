"""Anthropic's Messages API (``POST /v1/messages``)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from contracts.chat import ChatRequest, ChatResult, EmbeddingRequest, EmbeddingResult
from contracts.errors import ProviderError, UnsupportedParameter
from contracts.ports import UpstreamRequest
from contracts.specs import TargetSpec
from routing.providers.anthropic.errors import classified
from routing.providers.anthropic.request import api_version, betas_of, body_of, unsupported
from routing.providers.anthropic.response import result_of
from routing.providers.anthropic.stream import AnthropicStream

_encode = msgspec.json.Encoder().encode


class AnthropicAdapter:
    """``base_url`` with or without ``/v1``.

    Options of the provider: ``api_version`` (by default the last one that has ``temperature`` and ``top_p``) and
    ``system_in_messages`` (keep later system messages where they stand).
    """

    kind = "anthropic"
    supports_embeddings = False

    def unsupported_params(self, request: ChatRequest, target: TargetSpec) -> list[str]:
        """What Anthropic cannot honour."""
        return unsupported(request, target)

    def build_chat(self, request: ChatRequest, target: TargetSpec) -> UpstreamRequest:
        """``POST /v1/messages``.

        Raises:
            InvalidRequest: a message is malformed.
        """
        body = body_of(request, target)
        headers = {"content-type": "application/json", "anthropic-version": api_version(target)}
        if target.provider.credential:
            headers["x-api-key"] = target.provider.credential.reveal()
        betas = betas_of(request)
        if betas:
            headers["anthropic-beta"] = betas
        headers |= {name.lower(): value for name, value in target.provider.headers}
        base = target.provider.base_url.rstrip("/").removesuffix("/v1")
        return UpstreamRequest("POST", f"{base}/v1/messages", tuple(headers.items()), _encode(body))

    def parse_chat(self, body: bytes, request: ChatRequest, target: TargetSpec) -> ChatResult:
        """A whole message.

        Raises:
            ProviderBadResponse: it is not one.
        """
        return result_of(body)

    def open_chat_stream(self, request: ChatRequest, target: TargetSpec) -> AnthropicStream:
        """A parser for one event stream."""
        return AnthropicStream(target.model.wire_name)

    def build_embeddings(self, request: EmbeddingRequest, target: TargetSpec) -> UpstreamRequest:
        """Anthropic has no embeddings.

        Raises:
            UnsupportedParameter: always.
        """
        raise UnsupportedParameter("Anthropic offers no embeddings.", param="model")

    def parse_embeddings(self, body: bytes, request: EmbeddingRequest, target: TargetSpec) -> EmbeddingResult:
        """Anthropic has no embeddings.

        Raises:
            UnsupportedParameter: always.
        """
        raise UnsupportedParameter("Anthropic offers no embeddings.", param="model")

    def classify_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error for a response that is not 2xx."""
        return classified(status, headers, body)


ADAPTERS = (AnthropicAdapter(),)
