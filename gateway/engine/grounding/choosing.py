"""Which passages go into a prompt: pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from contracts.chat import ChatRequest
from contracts.errors import ContextTooLong
from contracts.retrieval import CollectionTerms, Passage
from contracts.specs import RouteSpec
from gateway.engine.grounding.grounded import Given
from routing.engine.tokens import BYTES_PER_TOKEN, estimate_input_tokens, estimate_text_tokens

FRAME_TOKENS: Final = 400
"""Of the rules around the passages."""
TOKENS_PER_PASSAGE: Final = 24
"""Of the line before each."""
LEAST_TOKENS: Final = 60
"""A passage that is cut shorter than this says nothing."""
LEFT_FOR_ANSWER: Final = 1_024
"""Tokens of a model's window that are left for its answer, where the caller does not cap it."""
LEAST_SIMILARITY: Final = 0.2
"""A passage without any word of the question and less similar to it than this is not about it. Texts that have nothing
to do with each other are at 0.0 to 0.2 with either of our models; what answers a question is at 0.4 and above."""


def room(request: ChatRequest, route: RouteSpec, terms: Sequence[CollectionTerms]) -> int:
    """Tokens that passages may have: what the strictest collection allows, as far as the smallest model has place.

    Raises:
        ContextTooLong: no model of the route has place for even one.
    """
    wanted = min((one.context_tokens for one in terms), default=3_000)
    windows = [target.model.context_window for target in route.targets if target.model.context_window]
    if not windows:
        return wanted
    answer = request.max_output_tokens or LEFT_FOR_ANSWER
    left = min(windows) - estimate_input_tokens(request) - answer - FRAME_TOKENS
    if left < LEAST_TOKENS + TOKENS_PER_PASSAGE:
        raise ContextTooLong("The messages leave no room for passages in the model's context window.", param="messages")
    return min(wanted, left)


def chosen(found: Sequence[Given], tokens: int) -> list[Given]:
    """The best that have room, in order; of a first one that is too long, its beginning."""
    taken: list[Given] = []
    left = tokens
    for one in found:
        size = estimate_text_tokens(one.text) + estimate_text_tokens(one.title) + TOKENS_PER_PASSAGE
        if size <= left:
            taken.append(one)
            left -= size
        elif not taken and left >= LEAST_TOKENS + TOKENS_PER_PASSAGE:
            one.text = _beginning(one.text, (left - TOKENS_PER_PASSAGE - estimate_text_tokens(one.title)))
            return [one]
    return taken


def _beginning(text: str, tokens: int) -> str:
    size = max(LEAST_TOKENS, tokens) * BYTES_PER_TOKEN
    return text.encode()[:size].decode(errors="ignore").rstrip()


def is_relevant(passage: Passage) -> bool:
    """Whether it may be about what was asked at all; only what is surely not about it is ruled out."""
    found = passage.found
    if found is None or found.similarity is None or found.similarity >= LEAST_SIMILARITY:
        return True
    return bool(found.matched) or found.keyword_rank is not None
