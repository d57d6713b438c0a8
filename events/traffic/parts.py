"""What events count for beside the ledger, and how the parts of rows are written. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, Self

from contracts.events import (
    AnswerAssessed,
    CacheHit,
    CacheMissed,
    CacheShadowed,
    EventPayload,
    GuardrailEvent,
    GuardrailFailed,
    GuardrailMatched,
    RequestRejected,
    RetrievalSearched,
    ScoreRecorded,
)
from events.traffic.measures import Kind
from events.traffic.retrieval import measured_in
from events.traffic.scores import UNIT, parts_of

_SEPARATOR: Final = "/"
FAILED: Final = "failed"
"""Outcome of a rule that could not tell; every other outcome is the action that followed."""


class RulePart(NamedTuple):
    """A rule, and what followed from it."""

    policy_id: str
    rule_id: str
    outcome: str
    shadow: bool = False
    """Nothing followed: ``outcome`` would have."""

    def __str__(self) -> str:
        mode = "shadow" if self.shadow else "live"
        return _SEPARATOR.join((self.policy_id, mode, self.outcome, self.rule_id))

    @classmethod
    def of(cls, text: str) -> Self:
        """The part that was written like this."""
        policy_id, mode, outcome, rule_id = text.split(_SEPARATOR, 3)
        return cls(policy_id, rule_id, outcome, mode == "shadow")


class CachePart(NamedTuple):
    """What a lookup came to, and over which route."""

    outcome: str
    """``exact``, ``semantic`` (both are hits), or why there was none, as ``cache.lookup.missed`` says it."""
    route: str

    def __str__(self) -> str:
        return f"{self.outcome}{_SEPARATOR}{self.route}"

    @classmethod
    def of(cls, text: str) -> Self:
        """The part that was written like this."""
        outcome, _, route = text.partition(_SEPARATOR)
        return cls(outcome, route)

    @property
    def is_hit(self) -> bool:
        """Whether a kept answer was given."""
        return self.outcome in HITS


SHADOW_RIGHT: Final = "shadow_right"
SHADOW_WRONG: Final = "shadow_wrong"
SHADOW_BELOW: Final = "shadow_below"
SHADOWED: Final = (SHADOW_RIGHT, SHADOW_WRONG, SHADOW_BELOW)
"""Outcomes of lookups that were told as missed already: what the kept answer would have been, or that it was not sure
enough to be given."""

HITS: Final = ("exact", "semantic")
"""Outcomes of lookups that found an answer: an equal call's, or one that means the same."""


class Count(NamedTuple):
    """One more of a row's ``requests``, and its money in nano-USD."""

    kind: Kind
    part: str
    cost_nanousd: int = 0
    price_unknown: int = 0


def counts_of(event_type: str, payload: EventPayload) -> Iterator[Count]:
    """What an event counts for beside the ledger."""
    if isinstance(payload, RequestRejected):
        yield Count(Kind.REFUSAL, payload.error_code)
    elif isinstance(payload, GuardrailEvent):
        yield Count(Kind.GUARD, event_type)
        outcome = _outcome(payload)
        if outcome:
            yield Count(Kind.RULE, str(RulePart(payload.policy_id, payload.rule_id, outcome, payload.shadow)))
    elif isinstance(payload, CacheHit):
        part = CachePart(getattr(payload, "mode", HITS[0]), payload.route)
        yield Count(Kind.CACHE, str(part), payload.saved_nanousd or 0, int(payload.saved_nanousd is None))
    elif isinstance(payload, CacheMissed):
        yield Count(Kind.CACHE, str(CachePart(payload.reason, payload.route)))
    elif isinstance(payload, CacheShadowed):
        outcome = SHADOW_BELOW if not payload.would_hit else SHADOW_WRONG if payload.wrong else SHADOW_RIGHT
        saved = payload.saved_nanousd
        yield Count(Kind.CACHE, str(CachePart(outcome, payload.route)), saved or 0, int(saved is None))
    elif isinstance(payload, ScoreRecorded):
        for of_score in parts_of(payload.evaluator, payload.score, route=payload.route, model=payload.model):
            yield Count(Kind.SCORE, str(of_score), round(payload.score * UNIT))
    elif isinstance(payload, RetrievalSearched | AnswerAssessed):
        yield from (Count(Kind.RETRIEVAL, part.value, measured) for part, measured in measured_in(payload))


def _outcome(payload: GuardrailEvent) -> str:
    if isinstance(payload, GuardrailMatched):
        return payload.action
    return FAILED if isinstance(payload, GuardrailFailed) else ""
