"""Labelled spans: how predictions are held against them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    type: str
    start: int
    end: int


class Score:
    """Counts by type: of what is there, what was found; of what was found, what is there."""

    def __init__(self) -> None:
        self.there: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.right: Counter[str] = Counter()

    def add(self, gold: Sequence[Span], told: Sequence[Span], *, exact: bool = False) -> None:
        """One text. A span is matched by any of the same type that overlaps it; ``exact``: that is the same."""
        for span in gold:
            self.there[span.type] += 1
            self.found[span.type] += any(_match(span, other, exact) for other in told)
        for span in told:
            self.told[span.type] += 1
            self.right[span.type] += any(_match(span, other, exact) for other in gold)

    def figures(self, types: Iterable[str]) -> tuple[int, float, float, float]:
        """How many there are, precision, recall and F1 of all types together (micro-averaged)."""
        types = tuple(types)
        there, told = sum(self.there[one] for one in types), sum(self.told[one] for one in types)
        precision = sum(self.right[one] for one in types) / told if told else 0.0
        recall = sum(self.found[one] for one in types) / there if there else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        return there, precision, recall, f1


def _match(one: Span, other: Span, exact: bool) -> bool:
    return one.type == other.type and (one == other if exact else one.start < other.end and other.start < one.end)
