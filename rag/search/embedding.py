"""Questions as vectors: by models on the processor, or by a provider's through the gateway."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from contracts.errors import GatewayError
from contracts.retrieval import Embed, Method
from rag.collection_rows import LOCAL_MODELS, route_in
from rag.search.limits import Deadline
from rag.search.scope import Scope

if TYPE_CHECKING:
    from rag.search.finding import Vectors

log = logging.getLogger(__name__)

SHARE: Final = 0.5
"""Of the time of a search that a provider may take for the question's vector."""


def local_vectors(scope: Scope, texts: Sequence[str]) -> Vectors:
    """For each model on the processor that the collections' vectors are of."""
    from embeddings.base import EmbeddingModelMissing
    from rag.embedding import embedder_of

    found: dict[str, Sequence[Sequence[float]] | str] = {}
    for model in {one.model for one in scope.indexes} & set(LOCAL_MODELS):
        try:
            embedder = embedder_of(model)
            versions = {one.model_version for one in scope.indexes if one.model == model} - {"", embedder.version}
            found[model] = "vectors_model_changed" if versions else embedder.embed(list(texts)).tolist()
        except EmbeddingModelMissing as error:
            log.warning("Questions cannot be embedded: %s", error)
            found[model] = "vectors_embedding_failed"
    return found


async def routed_vectors(scope: Scope, embed: Embed, texts: Sequence[str], deadline: Deadline) -> Vectors:
    """For each provider's model; what fails or takes too long says why."""
    if scope.method == Method.KEYWORD:
        return {}
    models = sorted({one.model for one in scope.indexes} - set(LOCAL_MODELS))
    seconds = deadline.left_s(SHARE)
    done = await asyncio.gather(*(_routed(embed, model, texts, seconds) for model in models))
    return dict(zip(models, done, strict=True))


async def _routed(embed: Embed, model: str, texts: Sequence[str], seconds: float) -> Sequence[Sequence[float]] | str:
    try:
        async with asyncio.timeout(seconds):
            found = await embed(route_in(model), list(texts))
    except TimeoutError:
        return "vectors_embedding_slow"
    except GatewayError as error:
        log.warning("Questions cannot be embedded by %s: %s", model, error)
        return "vectors_embedding_failed"
    if len(found) != len(texts) or not all(found) or len({len(one) for one in found}) != 1:
        return "vectors_embedding_failed"
    # In a thread, since the first time numpy has to be read for it.
    return await asyncio.to_thread(_at_length_1, found)


def _at_length_1(vectors: Sequence[Sequence[float]]) -> list[list[float]]:
    """Providers do not all give vectors of length 1."""
    import numpy as np

    from embeddings.static import unit

    at_length_1: list[list[float]] = unit(np.asarray(vectors, np.float32)).tolist()
    return at_length_1


def vectors_of_routes(scope: Scope, texts: Sequence[str]) -> Vectors:
    """As :func:`routed_vectors`, from a thread: through this process's gateway, in the tenant's name."""
    if not {one.model for one in scope.indexes} - set(LOCAL_MODELS):
        return {}
    from rag.embedding import embed_through_gateway

    async def embed(route: str, given: Sequence[str]) -> list[list[float]]:
        vectors, _ = await embed_through_gateway(str(scope.tenant_id), route, given)
        return vectors

    return asyncio.run(routed_vectors(scope, embed, texts, Deadline(scope.timeout_s)))
