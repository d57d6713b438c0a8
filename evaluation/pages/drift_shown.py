"""Findings as pages draw them: cells of the matrix, and two distributions side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from evaluation.drift.rows import DriftFinding, DriftMonitor
from evaluation.drift.words import edge_in_words, effect_in_words, moved_in_words, segment_in_words, verdict_in_words
from evaluation.engine.drift_signals import DRIFT_SIGNALS
from evaluation.pages.drift_words import finding_tone

WIDTH: Final = 640
HEIGHT: Final = 160
_GAP: Final = 4.0


@dataclass(frozen=True, slots=True)
class Cell:
    """A finding in a few words."""

    finding: DriftFinding
    title: str
    segment: str
    effect: str
    tone: str
    word: str
    moved: str
    verdict: str

    @classmethod
    def of(cls, monitor: DriftMonitor, finding: DriftFinding, names: dict[str, str]) -> Cell:
        """With names of keys by id."""
        return cls(
            finding,
            DRIFT_SIGNALS[finding.signal].title,
            segment_in_words(monitor, finding.segment, names),
            effect_in_words(finding),
            *finding_tone(finding, monitor.confirm),
            moved_in_words(finding),
            verdict_in_words(finding),
        )


def matrix_of(
    monitor: DriftMonitor, findings: Sequence[DriftFinding], names: dict[str, str]
) -> tuple[list[str], list[tuple[str, list[Cell | None]]]]:
    """Segments, and for each signal its title with a cell for each of them; None: the segment is not among its own."""
    by: Mapping[tuple[str, str], DriftFinding] = {(one.signal, one.segment): one for one in findings}
    segments = list(dict.fromkeys(one.segment for one in findings))
    rows: list[tuple[str, list[Cell | None]]] = []
    for signal in dict.fromkeys(one.signal for one in findings):
        found = [by.get((signal, segment)) for segment in segments]
        cells = [None if one is None else Cell.of(monitor, one, names) for one in found]
        rows.append((DRIFT_SIGNALS[signal].title, cells))
    return [names.get(one, one) or "All calls" for one in segments], rows


@dataclass(frozen=True, slots=True)
class Column:
    """Two bars of a bin, in the units of the picture."""

    x: float
    width: float
    before_y: float
    before_height: float
    now_x: float
    now_y: float
    now_height: float
    said: str


@dataclass(frozen=True, slots=True)
class Bins:
    """A histogram of both windows."""

    columns: list[Column]
    low: str
    middle: str
    high: str
    rows: list[tuple[str, str, str]]
    """The same as a table: from and to, before, now."""
    width: int = WIDTH
    height: int = HEIGHT


def bars_of(finding: DriftFinding) -> Bins | None:
    """Of numbers and of meanings; None where nothing is kept of them."""
    edges, before, now = (finding.shape.get(name) or [] for name in ("edges", "before", "now"))
    if not edges:
        return None
    top = max(*before, *now) or 1.0
    step = WIDTH / len(before)
    width = (step - _GAP) / 2
    columns, rows = [], []
    for place, (was, new) in enumerate(zip(before, now, strict=True)):
        said = " to ".join(edge_in_words(finding.signal, edge) for edge in edges[place : place + 2])
        heights = [round(share / top * (HEIGHT - 2), 1) for share in (was, new)]
        x = round(place * step + _GAP / 2, 1)
        columns.append(
            Column(
                x=x,
                width=round(width, 1),
                before_y=round(HEIGHT - heights[0], 1),
                before_height=heights[0],
                now_x=round(x + width, 1),
                now_y=round(HEIGHT - heights[1], 1),
                now_height=heights[1],
                said=f"{said}: {was:.1%} before, {new:.1%} now",
            )
        )
        rows.append((said, f"{was:.1%}", f"{new:.1%}"))
    low, middle, high = (edge_in_words(finding.signal, edges[place]) for place in (0, len(edges) // 2, -1))
    return Bins(columns, low, middle, high, rows)


def labels_of(finding: DriftFinding) -> list[tuple[str, str, str, float, float]]:
    """Name, shares before and now in words and in percent; the largest of both is the whole width."""
    names, before, now = (finding.shape.get(name) or [] for name in ("names", "before", "now"))
    if not names:
        return []
    top = max(*before, *now) or 1.0
    return [
        (name, f"{was:.1%}", f"{new:.1%}", round(was / top * 100, 1), round(new / top * 100, 1))
        for name, was, new in zip(names, before, now, strict=True)
    ]
