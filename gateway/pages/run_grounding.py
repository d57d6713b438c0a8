"""What a call's answer rests on: passages, support sentence by sentence, citations. From its events; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from events.models import EventRecord

ASSESSED: Final = "rag.answer.assessed"
SEARCHED: Final = "retrieval.search.completed"
DEGRADED: Final = "retrieval.search.degraded"
FLAGGED: Final = "rag.passage.flagged"
VERDICTS: Final = {
    "supported": ("Supported", "good", "circle-check"),
    "unsupported": ("Not supported", "warn", "help"),
    "contradicted": ("Contradicted", "bad", "circle-x"),
    "no_claim": ("No claim", "neutral", "minus"),
}
REASONS: Final = {
    "number_missing": "The passages do not have the number {}.",
    "entity_missing": "The passages do not name {}.",
    "negation": "One denies what the other says.",
    "opposite": "It has a word where the passages have its opposite.",
    "order": "The passages have the same words in another order: who did what to whom may differ.",
    "little_in_common": "Less than half of its words stand in the passages.",
    "citation_does_not_say": "Passage {}, which it cites, does not say so.",
    "model_says": "The model that judges says otherwise: {}.",
    "citation_leads_nowhere": "It cites {}, which was not among the passages.",
}
LOW_RISK: Final = 0.25
HIGH_RISK: Final = 0.6

DocumentUrl = Callable[[str, int, int], str]
"""Document's id, first and last character → the page that marks them; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Source:
    """A passage that was given to the model."""

    number: int
    title: str
    score: float | None
    url: str
    flag: str
    cited: int
    """How many sentences cite it."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the answer; without its text where that is not kept, or not for the viewer's role."""

    text: str
    label: str
    tone: str
    icon: str
    verdict: str
    support: float
    passage: int | None
    cited: tuple[int, ...]
    reasons: tuple[str, ...]


@dataclass(slots=True)
class RunGrounding:
    """The section of the page."""

    collections: tuple[str, ...] = ()
    method: str = ""
    degraded: tuple[str, ...] = ()
    dropped: int = 0
    sources: list[Source] = field(default_factory=list)
    sentences: list[Sentence] = field(default_factory=list)
    assessed: dict[str, Any] | None = None
    readable: bool = False
    """Whether the sentences have their texts."""

    @property
    def risk_tone(self) -> str:
        """Of the risk that something is not borne out."""
        risk = float((self.assessed or {}).get("risk") or 0.0)
        return "good" if risk < LOW_RISK else "warn" if risk < HIGH_RISK else "bad"


def grounding_of(events: Sequence[EventRecord], answer: str, url_of: DocumentUrl) -> RunGrounding | None:
    """None for a call that looked for no passages.

    ``answer`` is its stored text, empty where the viewer gets none. Sentences are places in what was answered: a text
    of another length was redacted before it was kept, and is not cut by them.
    """
    told: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        told.setdefault(event.event_type, []).append(event.payload)
    if not told.keys() & {ASSESSED, SEARCHED, DEGRADED}:
        return None
    found = RunGrounding()
    for payload in told.get(SEARCHED, ()):
        found.collections, found.method = tuple(payload.get("collections") or ()), str(payload.get("method") or "")
    found.degraded = tuple(_degraded(one) for one in told.get(DEGRADED, ()))
    flags = {one.get("chunk_id"): one for one in told.get(FLAGGED, ())}
    found.dropped = sum(one.get("action") == "dropped" for one in flags.values())
    for payload in told.get(ASSESSED, ()):
        found.assessed = payload
        found.collections = found.collections or tuple(payload.get("collections") or ())
        sentences = payload.get("sentences") or ()
        found.sentences = [_sentence(one, answer if _fits(sentences, answer) else "") for one in sentences]
        found.sources = _sources(payload, found.sentences, flags, url_of)
    found.readable = bool(found.sentences) and all(one.text for one in found.sentences)
    return found


def _fits(sentences: Sequence[dict[str, Any]], answer: str) -> bool:
    last = max((int(one.get("end", 0)) for one in sentences), default=0)
    return len(answer.rstrip()) <= last <= len(answer)


def _degraded(payload: dict[str, Any]) -> str:
    part, reason = str(payload.get("part", "")), str(payload.get("reason", "")).replace("_", " ")
    instead = f"; searched by {payload['method']}" if payload.get("method") else ""
    return f"{part.capitalize()} left out: {reason}{instead}."


def _sentence(one: dict[str, Any], answer: str) -> Sentence:
    verdict = str(one.get("verdict", "no_claim"))
    label, tone, icon = VERDICTS.get(verdict, (verdict.replace("_", " ").capitalize(), "neutral", "help"))
    start, end = int(one.get("start", 0)), int(one.get("end", 0))
    return Sentence(
        text=answer[start:end].strip(),
        label=label,
        tone=tone,
        icon=icon,
        verdict=verdict,
        support=float(one.get("support") or 0.0),
        passage=one.get("passage"),
        cited=tuple(one.get("cited") or ()),
        reasons=tuple(reason_words(reason) for reason in one.get("reasons") or ()),
    )


def reason_words(reason: str) -> str:
    """Why a sentence is judged as it is, as a sentence."""
    kind, _, what = reason.partition(":")
    known = REASONS.get(kind)
    if known is None:
        return f"{kind.replace('_', ' ').capitalize()}{': ' + what if what else ''}."
    return known.format(f"“{what}”" if what else "it")


def _sources(
    payload: dict[str, Any], sentences: Sequence[Sentence], flags: dict[Any, dict[str, Any]], url_of: DocumentUrl
) -> list[Source]:
    found = []
    for at, one in enumerate(payload.get("passages") or (), start=1):
        number, flag = int(one.get("n") or at), flags.get(one.get("chunk_id"))
        found.append(
            Source(
                number=number,
                title=str(one.get("title") or one.get("document_id") or "Passage"),
                score=one.get("score"),
                url=url_of(str(one.get("document_id", "")), int(one.get("start", 0)), int(one.get("end", 0))),
                flag=str(flag.get("reason", "")) if flag else "",
                cited=sum(number in sentence.cited for sentence in sentences),
            )
        )
    return found
