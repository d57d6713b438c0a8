"""Scoring of anomaly detectors as the Numenta Anomaly Benchmark does it, standard profile.

After Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms" (2015), and the benchmark's ``sweeper``:
the first detection inside a labelled window counts, more the earlier it is (a sigmoid over the window); each one
outside costs, more the farther it is behind a window; the first 15 % of a series, 750 rows at most, do not count. One
threshold for the whole corpus, the best one. 0 is a detector that never speaks, 100 one that speaks at the first row
of each window and nowhere else.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

Floats = np.ndarray[Any, np.dtype[Any]]

HIT, FALSE_ALARM, MISS = 1.0, 0.11, 1.0
"""The standard profile's weights."""
PROBATION = 0.15
PROBATION_ROWS = 5000


@dataclass
class Labelled:
    """A series and where its anomalies are, as first and last row of each window."""

    name: str
    group: str
    times: list[datetime]
    values: Floats
    windows: list[tuple[int, int]]

    @cached_property
    def step_s(self) -> int:
        """Seconds from one row to the next, as most are."""
        seconds = np.diff([time.timestamp() for time in self.times])
        return max(1, round(float(np.median(seconds))))

    @property
    def probation(self) -> int:
        """Rows at the start that do not count."""
        return min(math.floor(PROBATION * len(self.values)), int(PROBATION * PROBATION_ROWS))


@dataclass
class Rows:
    """What a detection at each row of a corpus would be worth."""

    scores: Floats
    worth: Floats
    window: Floats
    """Number of the window that the row is in; -1: none."""
    windows: int


def corpus(folder: Path) -> list[Labelled]:
    """The series of a folder with ``windows.json`` and ``GROUP__NAME.csv`` files, or the benchmark's own layout."""
    labels = next(found for found in (folder / "windows.json", folder / "combined_windows.json") if found.exists())
    windows: dict[str, list[tuple[str, str]]] = msgspec.json.decode(labels.read_bytes())
    return [_series(folder / name, name, limits) for name, limits in sorted(windows.items())]


def rows(series: list[Labelled], scores: list[Floats]) -> Rows:
    """Every row that counts, of all series."""
    worth, window, counted, windows_before = [], [], [], 0
    for one, scored in zip(series, scores, strict=True):
        values, inside = _worth(one, windows_before)
        windows_before += len(one.windows)
        start = one.probation
        worth.append(values[start:])
        window.append(inside[start:])
        counted.append(scored[start:])
    windows = [np.unique(inside[inside >= 0]) for inside in window]
    return Rows(np.concatenate(counted), np.concatenate(worth), np.concatenate(window), sum(map(len, windows)))


def best_threshold(found: Rows) -> tuple[float, float]:
    """The threshold at which a corpus scores best, and that score (0 to 100)."""
    order = np.argsort(-found.scores, kind="stable")
    gains = np.where(found.window[order] < 0, found.worth[order], 0.0)
    for number in np.unique(found.window[found.window >= 0]):
        at = np.flatnonzero(found.window[order] == number)
        best = np.maximum.accumulate(found.worth[order][at])
        gains[at] = np.diff(np.concatenate(([-MISS], best)))
    totals = np.concatenate(([0.0], np.cumsum(gains))) - MISS * found.windows
    sorted_scores = found.scores[order]
    last_of_equals = np.concatenate(([True], sorted_scores[1:] != sorted_scores[:-1], [True]))
    totals[~last_of_equals] = -np.inf
    count = int(np.argmax(totals))
    threshold = float(sorted_scores[count - 1]) if count else math.inf
    return threshold, _normalised(float(totals[count]), found.windows)


def score(found: Rows, threshold: float) -> float:
    """The corpus' score at a threshold, 0 (silence) to 100 (perfect); below 0 for many false alarms."""
    return _normalised(raw_score(found, threshold), found.windows)


def raw_score(found: Rows, threshold: float) -> float:
    """The sum of what hits gain, and misses and false alarms cost."""
    detected = found.scores >= threshold
    total = float(found.worth[detected & (found.window < 0)].sum())
    for each in np.unique(found.window[found.window >= 0]):
        hits = found.worth[detected & (found.window == each)]
        total += float(hits.max()) if len(hits) else -MISS
    return total


def _normalised(total: float, windows: int) -> float:
    if not windows:
        return math.nan
    return 100 * (total + MISS * windows) / ((HIT + MISS) * windows)


def _series(path: Path, name: str, limits: list[tuple[str, str]]) -> Labelled:
    with path.open(encoding="utf-8", newline="") as file:
        read = [(datetime.fromisoformat(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)]
    times = [time for time, _ in read]
    places = {time: at for at, time in enumerate(times)}
    windows = [(places[datetime.fromisoformat(start)], places[datetime.fromisoformat(end)]) for start, end in limits]
    group = name.split("__")[0] if "__" in name else Path(name).parent.name
    return Labelled(name, group, times, np.array([value for _, value in read]), windows)


def _worth(series: Labelled, first_window: int) -> tuple[Floats, Floats]:
    length = len(series.values)
    # A false alarm before any window costs as much as one far behind one.
    worth = np.full(length, FALSE_ALARM * _sigmoid(np.array([3.0]))[0])
    inside = np.full(length, -1)
    for place, (start, end) in enumerate(series.windows):
        width = end - start + 1
        behind = np.arange(end + 1, length)
        worth[behind] = FALSE_ALARM * _sigmoid((behind - end) / max(width - 1, 1))
        within = np.arange(start, end + 1)
        worth[within] = HIT * _sigmoid(-(end - within + 1) / width) / _sigmoid(np.array([-1.0]))
        inside[within] = first_window + place
    return worth, inside


def _sigmoid(position: Floats) -> Floats:
    """1 far before the end of a window, 0 at its end, -1 far behind it."""
    scaled: Floats = 2 / (1 + np.exp(5 * position)) - 1
    return np.where(position >= 3, -1.0, scaled)
