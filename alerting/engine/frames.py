"""What was counted in each minute of a stretch: the raw material of all signals of one scope."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np

from alerting.engine.prompt_shift import Prompts
from alerting.engine.series import Floats
from events.traffic.measures import LAST_BUCKET, MEASURES, Kind, Measured

PLACES: Final = {name: place for place, name in enumerate(MEASURES)}
MINUTE_S: Final = 60


class Row(msgspec.Struct, frozen=True):
    """The sums of one part in one minute."""

    kind: int
    part: str
    start_s: int
    sums: tuple[float, ...]
    """As :data:`events.traffic.measures.MEASURES` has them."""


class LatencyRow(msgspec.Struct, frozen=True):
    """Calls of one bucket of a histogram in one minute."""

    measured: int
    bucket: int
    start_s: int
    calls: float


class Frame:
    """Minutes from ``start_s`` up to, not including, ``end_s``, of one tenant or of all."""

    def __init__(
        self, start_s: int, end_s: int, rows: Iterable[Row] = (), latencies: Iterable[LatencyRow] = ()
    ) -> None:
        self.start_s, self.end_s = start_s, end_s
        self.minutes = max(0, (end_s - start_s) // MINUTE_S)
        self._sums: dict[tuple[int, str], Floats] = {}
        self._histograms: dict[int, Floats] = {}
        self.prompts: dict[str, Prompts] = {}
        """By route, of the same minutes; all routes together under the empty name."""
        for row in rows:
            place = (row.start_s - start_s) // MINUTE_S
            if 0 <= place < self.minutes:
                key = (row.kind, row.part)
                if key not in self._sums:
                    self._sums[key] = np.zeros((self.minutes, len(MEASURES)))
                self._sums[key][place] += row.sums
        for one in latencies:
            place = (one.start_s - start_s) // MINUTE_S
            if 0 <= place < self.minutes:
                self.histogram(Measured(one.measured))[place, one.bucket] += one.calls

    def measure(self, name: str, kind: Kind, part: str = "") -> Floats:
        """Of each minute; zeros where nothing was counted."""
        found = self._sums.get((kind.value, part))
        return np.zeros(self.minutes) if found is None else found[:, PLACES[name]]

    def over_parts(self, name: str, kind: Kind, part: str = "") -> Floats:
        """The same, of all parts of the kind together unless one is named."""
        if part:
            return self.measure(name, kind, part)
        found = [sums[:, PLACES[name]] for (one, _), sums in self._sums.items() if one == kind.value]
        return np.sum(found, axis=0) if found else np.zeros(self.minutes)

    def within(self, name: str, kind: Kind, first: str, end: str) -> Floats:
        """The same, of all parts from ``first`` up to, not including, ``end``."""
        found = [
            sums[:, PLACES[name]]
            for (one, part), sums in self._sums.items()
            if one == kind.value and first <= part < end
        ]
        return np.sum(found, axis=0) if found else np.zeros(self.minutes)

    def histogram(self, measured: Measured) -> Floats:
        """Minutes by buckets."""
        if measured.value not in self._histograms:
            self._histograms[measured.value] = np.zeros((self.minutes, LAST_BUCKET + 1))
        return self._histograms[measured.value]

    def parts(self, kind: Kind) -> list[str]:
        """Those of which something was counted."""
        return sorted(part for one, part in self._sums if one == kind.value)
