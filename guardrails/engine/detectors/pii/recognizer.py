"""What recognizes one family of personal data in one reading of a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from contracts.guardrails import Finding
from guardrails.engine.detectors.pii.entities import Entity
from guardrails.engine.detectors.triggers import Spots

PLAIN: Final = 0.5
"""Score from which a finding counts unless told otherwise."""


class Recognizer(msgspec.Struct, frozen=True):
    """Finds one family of entities."""

    entities: frozenset[Entity]
    trigger: str
    """What :class:`~guardrails.engine.detectors.triggers.Triggers` looks for: without it nothing is to be found."""
    find: Callable[[str, Spots], Iterable[Finding]]
    """Looks at the text where the trigger matched."""
    once: bool = False
    """It is enough to know that the trigger matches somewhere: ``find`` goes over the whole text."""


def best(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings without overlaps, in order: of two that overlap, the surer, then the longer, then the earlier."""
    kept: Finding | None = None
    for finding in sorted(findings, key=lambda one: one.start):
        if kept is None:
            kept = finding
        elif finding.start >= kept.end:
            yield kept
            kept = finding
        elif (finding.score, finding.end - finding.start) > (kept.score, kept.end - kept.start):
            kept = finding
    if kept is not None:
        yield kept
