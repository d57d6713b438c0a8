"""Personal data in a text, by one pass that says where which family can be and one for each of those."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from contracts.guardrails import Finding
from guardrails.engine.detectors.pii import addresses, contact, dates, documents, numbers, people
from guardrails.engine.detectors.pii.entities import DEFAULT
from guardrails.engine.detectors.pii.recognizer import PLAIN, Recognizer, best
from guardrails.engine.detectors.triggers import Triggers
from guardrails.engine.folding import Reading
from guardrails.engine.text import Text

RECOGNIZERS: Final[tuple[Recognizer, ...]] = (
    *contact.RECOGNIZERS,
    *numbers.RECOGNIZERS,
    *documents.RECOGNIZERS,
    *dates.RECOGNIZERS,
    *addresses.RECOGNIZERS,
    *people.RECOGNIZERS,
)


class PersonalData:
    """Finds personal data of the entities that are asked for."""

    window: int | None = 512

    def __init__(self, entities: Collection[str] = DEFAULT, *, least_score: float = PLAIN) -> None:
        """
        Args:
            entities: which to tell of, by their names in :class:`~guardrails.engine.detectors.pii.entities.Entity`.
            least_score: findings less sure than this, 0 to 1, are left out.
        """
        self._entities = frozenset(map(str, entities))
        self._least_score = least_score
        self._recognizers = tuple(one for one in RECOGNIZERS if not self._entities.isdisjoint(one.entities))
        self._triggers = Triggers(
            [one.trigger for one in self._recognizers],
            once=[which for which, one in enumerate(self._recognizers) if one.once],
        )

    def find(self, text: Text) -> Sequence[Finding]:
        """What there is, in order of ``start``; of overlapping findings the surest."""
        reading = text.folded
        there = self._triggers.scan(reading.text)
        if not there:
            return ()
        found = best(
            one for which in sorted(there) for one in self._recognizers[which].find(reading.text, there[which])
        )
        wanted = [one for one in found if one.score >= self._least_score and one.entity in self._entities]
        return wanted if reading.places is None else [_in_the_original(one, reading) for one in wanted]


def _in_the_original(finding: Finding, reading: Reading) -> Finding:
    start, end = reading.span(finding.start, finding.end)
    return Finding(start, end, finding.entity, finding.score, finding.evidence)
