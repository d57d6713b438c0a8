"""What a call with ``mode: "rag"`` rests on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from contracts.chat import JsonObject
from contracts.retrieval import CollectionTerms, Grounding, Passage, Retrieved

UNAVAILABLE = "retrieval_unavailable"
"""In place of :attr:`Retrieved.degraded` where nothing could be looked for, and the collections let calls go on."""


@dataclass(slots=True)
class Given:
    """A passage as the model gets it; its number is its place among them, from 1."""

    passage: Passage
    title: str
    text: str
    """As the tenant's policies leave it."""


@dataclass(slots=True)
class Grounded:
    """Filled step by step by :class:`gateway.engine.grounding.step.GroundingStep`."""

    question: str
    collections: tuple[str, ...]
    terms: tuple[CollectionTerms, ...]
    retrieved: Retrieved | None
    """None where nothing could be looked for."""
    asked: list[JsonObject]
    """The messages as the caller sent them, policies applied."""
    given: list[Given] = field(default_factory=list)
    fenced: bool = False
    """Whether the passages are in the request's messages; a kept answer needs none."""
    started_at_ns: int = 0
    """Unix nanoseconds."""
    retrieval_ms: float = 0.0
    pieces: list[str] = field(default_factory=list)
    """Of a streamed answer, as the model gives it."""
    said: list[str] = field(default_factory=list)
    """The same as the caller gets it."""
    resamples: list[asyncio.Task[str]] = field(default_factory=list)
    judged: str | None = None
    """The answer that the assessment is about."""
    assessment: Grounding | None = None
    opinion: str | None = None
    """What the model said that judges; empty: nothing that could be used. It is asked once."""
    consistency: float | None = None
    told: bool = False
    """Whether an event told of the assessment."""
    citations: list[JsonObject] = field(default_factory=list)
    cited_texts: dict[int, str] = field(default_factory=dict)
    """Of the passages that are cited, by number."""

    @property
    def degraded(self) -> str:
        """Why less was done than was asked for; empty where nothing was left out."""
        return self.retrieved.degraded if self.retrieved is not None else UNAVAILABLE

    @property
    def texts(self) -> list[str]:
        """What the answer is to rest on."""
        return [one.text for one in self.given]

    def as_fields(self) -> JsonObject:
        """What the answer tells of it, beside its citations."""
        retrieved = self.retrieved
        fields: JsonObject = {
            "retrieval": {
                "collections": list(self.collections),
                "method": retrieved.method.value if retrieved is not None else None,
                "passages": len(self.given),
                "degraded": self.degraded,
                "duration_ms": round(self.retrieval_ms, 3),
            },
            "grounding": None,
        }
        found = self.assessment
        if found is not None:
            fields["grounding"] = {
                "risk": round(found.risk, 4),
                "support": round(found.support, 4),
                "citations_missing": found.citations_missing,
                "citations_wrong": found.citations_wrong,
                "declined": found.declined,
                "judged_by": found.judged_by or None,
            }
            if self.consistency is not None:
                fields["grounding"]["consistency"] = round(self.consistency, 4)
        return fields
