"""OpenAI's chat and embeddings API, and every server that speaks it (see ``openai_dialects``)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

import msgspec

from contracts.chat import ChatRequest, ChatResult, EmbeddingRequest, EmbeddingResult
from contracts.errors import ProviderError
from contracts.ports import UpstreamRequest
from contracts.specs import ProviderSpec, TargetSpec
from routing.providers.openai_dialects import DIALECTS, Dialect
from routing.providers.openai_errors import classify
from routing.providers.openai_request import chat_body, embeddings_body, unsupported
from routing.providers.openai_response import OpenAIStreamParser, chat_result, embedding_result

_encode = msgspec.json.Encoder().encode


class OpenAIAdapter:
    """One dialect of the OpenAI-compatible wire format.

    Options of the provider: ``max_tokens_field``, ``include_usage``, ``unsupported`` (see ``openai_dialects``),
    ``api_version`` (any kind: sent as the query parameter ``api-version``), ``organization`` and ``project``.
    """

    supports_embeddings = True

    def __init__(self, dialect: Dialect) -> None:
        self.kind = dialect.kind
        self._dialect = dialect

    def unsupported_params(self, request: ChatRequest, target: TargetSpec) -> list[str]:
        """What the dialect, or the provider's option ``unsupported``, says cannot be honoured."""
        return unsupported(request, target, self._dialect)

    def build_chat(self, request: ChatRequest, target: TargetSpec) -> UpstreamRequest:
        """``POST .../chat/completions``."""
        body = _encode(chat_body(request, target, self._dialect))
        return UpstreamRequest("POST", self._url(target, "chat/completions"), self._headers(target.provider), body)

    def parse_chat(self, body: bytes, request: ChatRequest, target: TargetSpec) -> ChatResult:
        """The answer as it came."""
        return chat_result(body, self._dialect.label)

    def open_chat_stream(self, request: ChatRequest, target: TargetSpec) -> OpenAIStreamParser:
        """A parser that passes the chunks on as they came."""
        return OpenAIStreamParser(self._dialect.label)

    def build_embeddings(self, request: EmbeddingRequest, target: TargetSpec) -> UpstreamRequest:
        """``POST .../embeddings``."""
        body = _encode(embeddings_body(request.body, target))
        return UpstreamRequest("POST", self._url(target, "embeddings"), self._headers(target.provider), body)

    def parse_embeddings(self, body: bytes, request: EmbeddingRequest, target: TargetSpec) -> EmbeddingResult:
        """The answer as it came."""
        return embedding_result(body, self._dialect.label)

    def classify_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """By the error's ``code`` and ``type`` first, by status and words after that."""
        return classify(status, headers, body, self._dialect.label)

    def _url(self, target: TargetSpec, operation: str) -> str:
        base = target.provider.base_url.rstrip("/")
        version = target.provider.options.get("api_version")
        if version is None:
            return f"{base}/{operation}"
        query = urlencode({"api-version": version})
        if self._dialect.deployments:
            return f"{base}/openai/deployments/{quote(target.model.wire_name, safe='')}/{operation}?{query}"
        return f"{base}/{operation}?{query}"

    def _headers(self, provider: ProviderSpec) -> tuple[tuple[str, str], ...]:
        headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
        if provider.credential:
            key = provider.credential.reveal()
            value = key if self._dialect.key_header == "api-key" else f"Bearer {key}"
            headers += ((self._dialect.key_header, value),)
        for option in ("organization", "project"):
            if option in provider.options:
                headers += ((f"openai-{option}", provider.options[option]),)
        return headers + provider.headers


ADAPTERS = tuple(OpenAIAdapter(dialect) for dialect in DIALECTS)
