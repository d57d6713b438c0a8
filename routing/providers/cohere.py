"""Cohere's v2 chat and embed API (docs.cohere.com/reference/chat, /reference/embed)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from contracts.chat import ChatRequest, ChatResult, EmbeddingRequest, EmbeddingResult, JsonObject
from contracts.errors import ProviderContentFiltered, ProviderError, UnsupportedParameter
from contracts.ports import UpstreamRequest
from contracts.specs import ProviderSpec, TargetSpec
from routing.providers.cohere_request import body_of, unsupported
from routing.providers.cohere_response import LABEL, CohereStreamParser, chat_result, embedding_result
from routing.providers.http_errors import class_of, provider_error
from routing.providers.openai_shape import quoted
from routing.providers.retry_after import retry_after_s

_INVALID_TOKEN = 498
_CANCELLED = 499
_EMBED_FIELDS = frozenset({"input_type", "truncate", "max_tokens", "priority"})
_encode = msgspec.json.Encoder().encode


class CohereAdapter:
    """Cohere. The provider's option ``input_type`` says what embeddings are for (``search_document`` by default)."""

    kind = "cohere"
    supports_embeddings = True

    def unsupported_params(self, request: ChatRequest, target: TargetSpec) -> list[str]:
        """See ``cohere_request``."""
        return unsupported(request, target)

    def build_chat(self, request: ChatRequest, target: TargetSpec) -> UpstreamRequest:
        """``POST /v2/chat``."""
        return _request(target.provider, "v2/chat", body_of(request, target))

    def parse_chat(self, body: bytes, request: ChatRequest, target: TargetSpec) -> ChatResult:
        """A ``chat.completion`` made of Cohere's answer."""
        return chat_result(body, model=target.model.wire_name, created=int(time.time()))

    def open_chat_stream(self, request: ChatRequest, target: TargetSpec) -> CohereStreamParser:
        """A parser of Cohere's events."""
        return CohereStreamParser(model=target.model.wire_name, created=int(time.time()))

    def build_embeddings(self, request: EmbeddingRequest, target: TargetSpec) -> UpstreamRequest:
        """``POST /v2/embed``.

        Raises:
            UnsupportedParameter: the input is token numbers, which only OpenAI's own tokenisers give a meaning to.
        """
        texts = [request.input] if isinstance(request.input, str) else request.input
        if not all(isinstance(text, str) for text in texts):
            raise UnsupportedParameter("Cohere embeds texts, not arrays of token numbers.", param="input")
        body: JsonObject = {
            "model": target.model.wire_name,
            "texts": texts,
            "input_type": target.provider.options.get("input_type", "search_document"),
            "embedding_types": ["float"],
        }
        if request.dimensions is not None:
            body["output_dimension"] = request.dimensions
        body.update({name: value for name, value in request.body.items() if name in _EMBED_FIELDS})
        return _request(target.provider, "v2/embed", body)

    def parse_embeddings(self, body: bytes, request: EmbeddingRequest, target: TargetSpec) -> EmbeddingResult:
        """OpenAI's ``list`` made of Cohere's answer."""
        return embedding_result(body, model=target.model.wire_name, encoding_format=request.encoding_format)

    def classify_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Cohere's errors are a status and ``{"message": "..."}``."""
        message = _message(body)
        kind = class_of({_INVALID_TOKEN: 401, _CANCELLED: 503}.get(status, status), message)
        if status == 400 and "blocked" in message.lower():
            kind = ProviderContentFiltered
        return provider_error(
            kind,
            provider=LABEL,
            message=quoted(LABEL, message, status),
            status=status,
            retry_after_s=retry_after_s(headers, body),
        )


def _request(provider: ProviderSpec, path: str, body: JsonObject) -> UpstreamRequest:
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    if provider.credential:
        headers += (("authorization", f"Bearer {provider.credential.reveal()}"),)
    return UpstreamRequest("POST", f"{provider.base_url.rstrip('/')}/{path}", headers + provider.headers, _encode(body))


def _message(body: bytes) -> str:
    try:
        decoded: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    message = decoded.get("message") if isinstance(decoded, dict) else None
    return message if isinstance(message, str) else ""


ADAPTERS = (CohereAdapter(),)
