"""Questions put into words that can be searched by, where a collection names a model for it."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from contracts.errors import GatewayError
from contracts.retrieval import AskModel
from rag.engine.asking_models import REWRITE, NotUnderstood, queries_of, rewrite_question
from rag.search.limits import Deadline
from rag.search.scope import Scope

log = logging.getLogger(__name__)

SHARE: Final = 0.5
"""Of a search's time that rewriting may take."""
MAX_OUTPUT_TOKENS: Final = 300


async def rewritten(scope: Scope, ask: AskModel, deadline: Deadline, degraded: list[str]) -> tuple[str, ...]:
    """What is searched for, the question first; the question as it is where no model helps, or it fails."""
    query = scope.query
    if not scope.rewrite_route:
        return (query.text,)
    try:
        async with asyncio.timeout(deadline.left_s(SHARE)):
            question = rewrite_question(query.text, query.history)
            said = await ask(scope.rewrite_route, REWRITE, question, max_output_tokens=MAX_OUTPUT_TOKENS)
        return queries_of(said, query.text, alone=not query.history)
    except TimeoutError:
        degraded.append("rewrite_slow")
    except (GatewayError, NotUnderstood) as error:
        log.warning("A question was searched for as it is: %s", error)
        degraded.append("rewrite_failed")
    return (query.text,)
