"""Passages looked at before they go into a prompt: by the tenant's policies, and always for orders to the model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from contracts.events import PassageFlagged
from contracts.guardrails import Action
from contracts.ports import Emitter
from contracts.retrieval import CollectionTerms, Passage
from gateway.engine.call import Call
from gateway.engine.grounding.grounded import Given
from gateway.engine.guarding import Guarding

if TYPE_CHECKING:
    from guardrails.engine.passages import Suspicion

DROPPED: Final = "dropped"
FLAGGED: Final = "flagged"
REDACTED: Final = "redacted"
_WITHHOLDING: Final = frozenset({Action.BLOCK, Action.REROUTE})


def suspicions(texts: Sequence[str]) -> list[Suspicion | None]:
    """Which of the texts look like instructions to a model; to be asked in a thread, for it takes milliseconds."""
    # Its weights are numpy's: web processes load them with the first passage.
    from guardrails.engine.passages import PassageScreen

    screen = PassageScreen.shared()
    return [screen.judge(text) for text in texts]


def whole_text(passage: Passage) -> str:
    """All of a passage that a prompt may show."""
    return f"{passage.title}\n\n{passage.text}" if passage.title else passage.text


async def screened(
    call: Call, passages: Sequence[Passage], terms: Sequence[CollectionTerms], *, guarding: Guarding, emitter: Emitter
) -> list[Given]:
    """The passages that may go into the prompt, as policies leave them."""
    suspected = await asyncio.to_thread(suspicions, [whole_text(one) for one in passages])
    drops = {one.name: one.drops_instructions for one in terms}
    kept: list[Given] = []
    for passage, suspicion in zip(passages, suspected, strict=True):
        if suspicion is not None:
            dropped = drops.get(passage.collection, True)
            action = DROPPED if dropped else FLAGGED
            emitter.emit(flagged_event(passage, suspicion.evidence, action, suspicion.score), call.context)
            if dropped:
                continue
        given = await _by_policies(call, passage, guarding, emitter)
        if given is not None:
            kept.append(given)
    return kept


async def _by_policies(call: Call, passage: Passage, guarding: Guarding, emitter: Emitter) -> Given | None:
    title = passage.title or passage.external_id
    left = await as_policies_leave(call, passage, [passage.text, title], guarding=guarding, emitter=emitter)
    return None if left is None else Given(passage, left[1], left[0])


async def as_policies_leave(
    call: Call, passage: Passage, given: list[str], *, guarding: Guarding, emitter: Emitter
) -> list[str] | None:
    """The texts that are given of a passage, as rules leave them; None where one withholds it."""
    texts, verdict = await guarding.screen_passage(call, given)
    if verdict is None or verdict.action is None:
        return given
    rules = [one.rule.spec.name for one in verdict.matches if one.enforced]
    reason = f"rule {rules[0]}" if rules else "rule failed"
    if verdict.action in _WITHHOLDING:
        emitter.emit(flagged_event(passage, reason, DROPPED), call.context)
        return None
    action = REDACTED if texts != given else FLAGGED
    emitter.emit(flagged_event(passage, reason, action), call.context)
    return texts


def flagged_event(passage: Passage, reason: str, action: str, score: float | None = None) -> PassageFlagged:
    """What is told of a passage; never its text."""
    return PassageFlagged(
        collection=passage.collection,
        document_id=passage.document_id,
        chunk_id=passage.chunk_id,
        reason=reason,
        score=score,
        action=action,
    )
