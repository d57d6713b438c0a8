"""The evidence about an incident, as it is kept, shown, told over the API and given to who writes a summary."""

from __future__ import annotations

from datetime import datetime

import msgspec


class SegmentPart(msgspec.Struct, frozen=True):
    """One value of one dimension."""

    dimension: str
    """``tenant`` | ``route`` | ``provider`` | ``model`` | ``team`` | ``key`` | ``user`` | ``tag:<name>`` | ``code`` |
    ``rule``."""
    value: str
    """As the ledger has it: a name, or an id."""
    name: str = ""
    """Of an id, where it is known."""

    def __str__(self) -> str:
        return f"{self.dimension} {self.name or self.value}"


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A segment, and what it has to do with the change. Figures are in the signal's unit."""

    parts: list[SegmentPart]
    calls_before: float
    """A minute."""
    calls_now: float
    before: float | None
    """The segment's own figure; None without calls."""
    now: float | None
    rate_effect: float
    mix_effect: float
    share: float
    """Of the change, that is not there without it; shares do not add up."""
    weight: float
    p: float
    """Corrected for the number of segments that were looked at."""
    blamed: bool = False

    def __str__(self) -> str:
        return ", ".join(map(str, self.parts))


class Outcome(msgspec.Struct, frozen=True):
    """How many calls ended with a code, a minute."""

    code: str
    before: float
    now: float


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """Something that changed before or while it began."""

    at: datetime
    kind: str
    """``deployment`` | ``configuration`` | ``policy`` | ``price`` | ``key`` | ``breaker`` | ``provider_errors``."""
    text: str
    actor: str = ""
    link: str = ""
    minutes_before: float
    """Negative: afterwards."""
    concerns: bool = False
    """It names what explains the change."""
    score: float = 0.0


class SimilarIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier incident of the same owner."""

    incident_id: str
    title: str
    began_at: datetime
    lasted_s: int | None = None
    severity: str
    score: float
    why: list[str]
    ended: str = ""
    """What was written when it was resolved, or the last note."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, as of :attr:`computed_at`."""

    version: int = 1
    computed_at: datetime
    signal: str
    title: str
    unit: str
    measure: str
    """``share`` | ``mean`` | ``total``; empty: the signal cannot be split by calls."""
    segment: str
    """Which calls the alert is about."""
    window_start: datetime
    window_end: datetime
    reference: str
    """In words, such as "the same time of 5 days before"."""
    before: float | None = None
    now: float | None = None
    calls_before: float = 0
    """A minute."""
    calls_now: float = 0
    p: float | None = None
    tested: int = 0
    segments: list[Explained] = []
    """Those to blame, then others that add to the change, by surprise."""
    inside: list[Explained] = []
    """Of the calls of the first that is to blame: what moved among them."""
    outcomes: list[Outcome] = []
    happened: list[Happened] = []
    similar: list[SimilarIncident] = []
    notes: list[str] = []
    took_ms: int = 0

    @property
    def blamed(self) -> list[Explained]:
        """Those that stand out."""
        return [one for one in self.segments if one.blamed]


def as_json(evidence: Evidence) -> dict[str, object]:
    """As the row keeps it."""
    plain: dict[str, object] = msgspec.to_builtins(evidence)
    return plain


def evidence_of(kept: object) -> Evidence | None:
    """What the row keeps; None where nothing was worked out, or it was written by another version."""
    if not isinstance(kept, dict) or kept.get("version") != 1:
        return None
    return msgspec.convert(kept, Evidence, strict=False)
