"""Google's Gemini API (``generateContent``, ``streamGenerateContent``, ``embedContent``; version v1beta)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from contracts.chat import ChatRequest, ChatResult, EmbeddingRequest, EmbeddingResult
from contracts.errors import ProviderError
from contracts.ports import UpstreamRequest
from contracts.specs import TargetSpec
from routing.providers.gemini.embeddings import embeddings_body, embeddings_result, operation_of
from routing.providers.gemini.errors import classified
from routing.providers.gemini.request import body_of, unsupported
from routing.providers.gemini.response import result_of
from routing.providers.gemini.stream import GeminiStream

API_VERSION = "v1beta"

_VERSIONED = re.compile(r"/v\d\w*$")
_encode = msgspec.json.Encoder().encode


class GeminiAdapter:
    """``base_url`` with or without the version; a model's wire name with or without ``models/``."""

    kind = "gemini"
    supports_embeddings = True

    def unsupported_params(self, request: ChatRequest, target: TargetSpec) -> list[str]:
        """What Gemini cannot honour."""
        return unsupported(request, target)

    def build_chat(self, request: ChatRequest, target: TargetSpec) -> UpstreamRequest:
        """``POST /v1beta/models/*:generateContent`` or ``:streamGenerateContent``.

        Raises:
            InvalidRequest: a message is malformed.
        """
        operation = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
        return self._request(target, operation, _encode(body_of(request, target)))

    def parse_chat(self, body: bytes, request: ChatRequest, target: TargetSpec) -> ChatResult:
        """A whole answer.

        Raises:
            ProviderContentFiltered: the prompt was blocked.
            ProviderBadResponse: it is not an answer.
        """
        result = result_of(body)
        result.body.setdefault("model", target.model.wire_name)
        return result

    def open_chat_stream(self, request: ChatRequest, target: TargetSpec) -> GeminiStream:
        """A parser for one event stream."""
        return GeminiStream(target.model.wire_name)

    def build_embeddings(self, request: EmbeddingRequest, target: TargetSpec) -> UpstreamRequest:
        """``POST /v1beta/models/*:embedContent`` or ``:batchEmbedContents``.

        Raises:
            UnsupportedParameter: the input is token numbers.
        """
        body = embeddings_body(request, _resource(target))
        return self._request(target, operation_of(request), _encode(body))

    def parse_embeddings(self, body: bytes, request: EmbeddingRequest, target: TargetSpec) -> EmbeddingResult:
        """The vectors.

        Raises:
            ProviderBadResponse: they are not there.
        """
        return embeddings_result(body, request, target.model.wire_name)

    def classify_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error for a response that is not 2xx."""
        return classified(status, headers, body)

    def _request(self, target: TargetSpec, operation: str, body: bytes) -> UpstreamRequest:
        base = target.provider.base_url.rstrip("/")
        if _VERSIONED.search(base) is None:
            base = f"{base}/{API_VERSION}"
        headers = {"content-type": "application/json"}
        if target.provider.credential:
            headers["x-goog-api-key"] = target.provider.credential.reveal()
        headers |= {name.lower(): value for name, value in target.provider.headers}
        return UpstreamRequest("POST", f"{base}/{_resource(target)}:{operation}", tuple(headers.items()), body)


def _resource(target: TargetSpec) -> str:
    """``models/gemini-2.5-flash``; tuned models have a collection of their own."""
    name = target.model.wire_name
    return quote(name if "/" in name else f"models/{name}", safe="/")


ADAPTERS = (GeminiAdapter(),)
