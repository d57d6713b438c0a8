"""The best of a search looked at once more: by a model, or on the processor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from contracts.errors import GatewayError
from contracts.retrieval import AskModel
from rag.engine.asking_models import MARKED, RERANK, NotUnderstood, marks_of, rerank_question
from rag.engine.proximity import closeness
from rag.search.finding import Shortlist
from rag.search.limits import Deadline

log = logging.getLogger(__name__)


async def reranked_by_model(short: Shortlist, ask: AskModel, deadline: Deadline) -> Mapping[int, float] | None:
    """Marks, 0 to 1, of the passages that a model was shown; None where it failed or took too long."""
    shown = list(short.texts)[:MARKED]
    route = short.scope.rerank_route
    if len(shown) < 2 or not route:
        return None
    question = rerank_question(short.queries[0], [short.texts[key].text for key in shown])
    try:
        async with asyncio.timeout(deadline.left_s(0.8)):
            said = await ask(route, RERANK, question, max_output_tokens=20 + 5 * len(shown))
        marks = marks_of(said, len(shown))
    except TimeoutError:
        short.degraded.append("rerank_slow")
        return None
    except (GatewayError, NotUnderstood) as error:
        log.warning("Passages stay in the order of the search: %s", error)
        short.degraded.append("rerank_failed")
        return None
    # Whole numbers are often the same: among equals the search decides.
    return {key: 0.9 * mark + 0.1 * short.fused[key] for key, mark in zip(shown, marks, strict=True)}


def locally_reranked(short: Shortlist) -> Mapping[int, float] | None:
    """Scores by the search and by how close together a passage has the question's words."""
    if len(short.texts) < 2:
        return None
    near = closeness(short.queries[0], {key: f"{one.heading} {one.text}" for key, one in short.texts.items()})
    return {key: score * (1 + near[key]) / 2 for key, score in short.fused.items()}
