"""Vectors of documents and questions: by a model on the processor, or by a provider's through the gateway."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from contracts.errors import GatewayError, ServiceUnavailable
from gateway.engine.inside_calls import InsideCall
from gateway.exchange import EMBEDDINGS, Answer
from gateway.process import running
from rag.collection_rows import MINILM, STATIC, Collection, EmbeddingIndex, route_in

if TYPE_CHECKING:
    from embeddings.base import TextEmbedder as LocalEmbedder
    from embeddings.base import Vectors

KEY_ID: Final = "documents"
KEY_NAME: Final = "Documents"
AT_ONCE: Final = 64
"""Texts in one call of a provider."""


class EmbeddingUnavailable(Exception):
    """Vectors cannot be had now; the message is for people."""


def embedder_of(model: Collection | EmbeddingIndex | str) -> LocalEmbedder:
    """The local model of a collection or an index, or of this name.

    Raises:
        EmbeddingModelMissing: the package with the model is not installed.
        ValueError: it is a provider's, which is asked through the gateway.
    """
    name = model_of(model)
    if name == STATIC:
        from embeddings.static import StaticTexts

        return StaticTexts()
    if name == MINILM:
        from embeddings.minilm import shared_minilm

        return shared_minilm()
    raise ValueError(f"{name} is no model on the processor.")


def model_of(model: Collection | EmbeddingIndex | str) -> str:
    """As `Collection.embedding_model` has it."""
    if isinstance(model, Collection):
        return model.embedding_model
    return model.model if isinstance(model, EmbeddingIndex) else model


def route_of(model: Collection | EmbeddingIndex | str) -> str:
    """The route whose model embeds; empty where it is a local one."""
    return route_in(model_of(model))


def vectors_of(index: EmbeddingIndex, texts: Sequence[str]) -> tuple[Vectors, str]:
    """The texts' vectors by the index's model, each of length 1, and the model's version. Not on an event loop.

    Raises:
        EmbeddingUnavailable: the model is missing, failing, or no longer the one that the index was made with.
    """
    from embeddings.base import EmbeddingModelMissing

    route = route_of(index)
    try:
        if route:
            found, version = _from_provider(index.tenant_id, route, texts)
        else:
            embedder = embedder_of(index)
            found, version = embedder.embed(texts), embedder.version
    except (EmbeddingModelMissing, GatewayError) as error:
        raise EmbeddingUnavailable(str(error)) from error
    if index.model_version and index.model_version != version:
        told = f"The model is {version} now, the vectors are of {index.model_version}: embed the collection anew."
        raise EmbeddingUnavailable(told)
    if index.dimensions and index.dimensions != found.shape[1]:
        told = f"The model gives {found.shape[1]} dimensions, the vectors have {index.dimensions}."
        raise EmbeddingUnavailable(told)
    return found, version


async def embed_through_gateway(
    tenant_id: str, route: str, texts: Sequence[str], *, key_id: str = KEY_ID, key_name: str = KEY_NAME
) -> tuple[list[list[float]], str]:
    """Vectors by the model of a route, in the tenant's name, and what the model calls itself. From any event loop.

    The call stands in the tenant's ledger, and its budgets hold it.

    Raises:
        GatewayError: the call was refused, or failed.
    """
    body: dict[str, Any] = {"model": route, "input": list(texts), "encoding_format": "float"}
    call = InsideCall(tenant_id=tenant_id, name=key_name, key_id=key_id, body=body, endpoint=EMBEDDINGS)
    process = running()
    return vectors_in(await process.here(process.runtime.inside_calls.make(call)), len(texts))


def vectors_in(answer: Answer, texts: int) -> tuple[list[list[float]], str]:
    """The vectors of an answer of ``/v1/embeddings``, in order, and the model.

    Raises:
        ServiceUnavailable: it is a refusal, or has not as many as there were texts.
    """
    said = msgspec.json.decode(answer.body)
    if answer.status >= 400:
        error = said.get("error") or {}
        raise ServiceUnavailable(f"{error.get('code') or answer.status}: {error.get('message') or 'It failed.'}"[:300])
    rows = sorted(said.get("data") or (), key=lambda one: int(one.get("index", 0)))
    vectors = [one.get("embedding") for one in rows]
    if len(vectors) != texts or len({len(one) for one in vectors if isinstance(one, list)}) != 1:
        raise ServiceUnavailable("The provider's answer does not have a vector for each text.")
    return vectors, str(said.get("model") or "")


def _from_provider(tenant_id: uuid.UUID, route: str, texts: Sequence[str]) -> tuple[Vectors, str]:
    import numpy as np

    from embeddings.static import unit

    process, rows, models = running(), [], set()
    for start in range(0, len(texts), AT_ONCE):
        part = texts[start : start + AT_ONCE]
        vectors, model = process.run(embed_through_gateway(str(tenant_id), route, part))
        rows.append(np.asarray(vectors, np.float32))
        models.add(model)
    if len(models) > 1 or len({one.shape[1] for one in rows}) > 1:
        raise EmbeddingUnavailable(f"The route {route} answers by several models: {', '.join(sorted(models))}.")
    return unit(np.concatenate(rows)), models.pop()
