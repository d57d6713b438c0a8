"""Embeddings by ``embedContent`` (one text) and ``batchEmbedContents`` (a list)."""

from __future__ import annotations

import base64
import struct
from typing import Any

from contracts.chat import EmbeddingRequest, EmbeddingResult, JsonObject, Usage
from contracts.errors import ProviderBadResponse, UnsupportedParameter
from routing.providers.gemini.request import camel
from routing.providers.gemini.response import NAME, response_decoder
from routing.providers.openai_shape import decoded

_OWN_FIELDS = frozenset({"taskType", "title", "autoTruncate"})
_READ = frozenset({"model", "input", "encoding_format", "dimensions", "user", "tags", "mode", "budget"})


def operation_of(request: EmbeddingRequest) -> str:
    """``embedContent`` or ``batchEmbedContents``."""
    return "embedContent" if isinstance(request.input, str) else "batchEmbedContents"


def embeddings_body(request: EmbeddingRequest, model: str) -> JsonObject:
    """The body; ``model`` is the full resource name.

    Raises:
        UnsupportedParameter: the input is token numbers, which mean something to one tokenizer only.
    """
    texts = [request.input] if isinstance(request.input, str) else request.input
    if not all(isinstance(text, str) for text in texts):
        raise UnsupportedParameter("Gemini embeds texts, not token arrays.", param="input")
    further = {
        camel(name) if camel(name) in _OWN_FIELDS else name: value
        for name, value in request.body.items()
        if name not in _READ
    }
    if request.dimensions is not None:
        further["outputDimensionality"] = request.dimensions
    requests = [{"model": model, "content": {"parts": [{"text": text}]}, **further} for text in texts]
    return requests[0] if isinstance(request.input, str) else {"requests": requests}


def embeddings_result(body: bytes, request: EmbeddingRequest, model: str) -> EmbeddingResult:
    """The vectors in OpenAI's shape, as base64 when asked for.

    Raises:
        ProviderBadResponse: vectors are missing, or there are more or fewer than texts.
    """
    raw = decoded(response_decoder, body, NAME)
    single = isinstance(request.input, str)
    found: Any = [raw.get("embedding")] if single else raw.get("embeddings")
    expected = 1 if single else len(request.input)
    if not isinstance(found, list) or len(found) != expected:
        raise ProviderBadResponse(f"{NAME} did not send one embedding for each text.")
    encoded = request.encoding_format == "base64"
    data = [
        {"object": "embedding", "index": number, "embedding": _vector(item, encoded=encoded)}
        for number, item in enumerate(found)
    ]
    answer: JsonObject = {"object": "list", "data": data, "model": model}
    metadata = raw.get("usageMetadata")
    tokens = metadata.get("promptTokenCount") if isinstance(metadata, dict) else None
    if not isinstance(tokens, int):
        return EmbeddingResult(answer)
    answer["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return EmbeddingResult(answer, Usage(input_tokens=tokens))


def _vector(item: Any, *, encoded: bool) -> list[float] | str:
    values = item.get("values") if isinstance(item, dict) else None
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):
        raise ProviderBadResponse(f"{NAME} sent a malformed embedding.")
    if not encoded:
        return values
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
