"""Whether a signal is what it usually is, minute by minute: the detectors, made into what rules look at.

One minute of few calls may be anything, so three of the last five have to be out of the usual before it is bad. Of
shares and scores more is known: how many calls they are of. Where these leave nothing to chance, nobody waits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np

from alerting.engine.anomalies import AnomalyScore, AnomalyState, SeasonalAnomalies
from alerting.engine.moved_shares import Calls, MovedShare, MovedState
from alerting.engine.series import Floats
from alerting.engine.verdicts import Verdict, Verdicts

STEP_S: Final = 60
IN_MINUTES: Final = 3
OF_MINUTES: Final = 5
LEARNS_FOR_S: Final = 86_400
"""Nothing is told before the detector has seen a day: it does not know what is usual at which time."""
PATIENCE_S: Final = 6 * 3600
THRESHOLDS: Final = {"low": 0.75, "medium": 0.6, "high": 0.5}
"""How surprising a minute has to be, by how sensitive the rule is."""
EVIDENCE: Final = {"low": 16.0, "medium": 12.0, "high": 9.0}
"""How little chance may have to do with a share, in nats: by sensitivity."""
_WELL: Final = 0.75
"""A minute is well again below this share of the threshold."""


class Watching(msgspec.Struct, frozen=True):
    """What is unusual enough."""

    above: bool = True
    below: bool = False
    threshold: float = THRESHOLDS["medium"]
    tolerance: float = 0.0
    """In the signal's unit: a deviation that nobody minds."""
    relative: float = 0.0
    """The same as a share of what is usual."""
    evidence: float = EVIDENCE["medium"]
    yes_or_no: bool = True
    """Whether a share's calls count whole or not at all, see :class:`~alerting.engine.moved_shares.MovedShare`."""


class WatchState(msgspec.Struct):
    """All that a :class:`Watch` remembers; 20 kB at most."""

    detector: AnomalyState
    lately: list[bool]
    """Of the last minutes, whether each was out of the usual."""
    moved: MovedState | None = None
    """Of a share."""


class Watched(msgspec.Struct, frozen=True):
    """What some minutes were like; ``low`` and ``high`` are what would have been usual."""

    verdicts: Verdicts
    low: Floats
    high: Floats


class Watch:
    """One signal, in order. It begins with the first minute that has data."""

    def __init__(self, how: Watching, state: WatchState | None = None) -> None:
        self._how = how
        self._began = state is not None
        self._lately = list(state.lately) if state else []
        self._detector = SeasonalAnomalies(
            STEP_S,
            tolerance=how.tolerance,
            relative=how.relative,
            patience_s=PATIENCE_S,
            state=state.detector if state else None,
        )
        self._moved = MovedShare(
            above=how.above,
            below=how.below,
            limit=how.evidence,
            tolerance=how.tolerance,
            patience=PATIENCE_S // STEP_S,
            yes_or_no=how.yes_or_no,
            state=state.moved if state else None,
        )

    def state(self) -> WatchState | None:
        """What a new one goes on with; None where there was no data yet."""
        if not self._began:
            return None
        return WatchState(self._detector.state(), list(self._lately), self._moved.state())

    @property
    def knows(self) -> bool:
        """Whether it has seen enough to tell."""
        return self._began and self._detector.seen_s >= LEARNS_FOR_S

    def skip(self, minutes: int) -> None:
        """Minutes of which nothing is kept any more."""
        if self._began and minutes > 0:
            self._detector.skip(minutes)
            self._moved.skip(minutes)
            self._lately.clear()

    def follow(self, values: Iterable[float], minutes: Sequence[Calls] | None = None) -> Watched:
        """The next minutes; nan where there is no data. Of a share also what it is of, minute by minute."""
        given = [float(value) for value in values]
        verdicts = np.full(len(given), Verdict.UNKNOWN.value, dtype=np.int8)
        low, high = np.full(len(given), np.nan), np.full(len(given), np.nan)
        for place, value in enumerate(given):
            self._began = self._began or not math.isnan(value)
            if not self._began:
                continue
            nats = 0.0 if minutes is None else self._moved.update(*minutes[place])
            found = self._detector.update(value, accident=self._moved.is_accident)
            low[place], high[place] = self._usual(found, nats)
            verdicts[place] = self._verdict(value, found, nats).value
        return Watched(verdicts, low, high)

    def _usual(self, found: AnomalyScore, nats: float) -> tuple[float, float]:
        """Single minutes scatter by more than what has moved may do: then it is not they that say what is usual."""
        if nats < self._how.evidence:
            return found.low, found.high
        low, high = self._moved.usual()
        return max(low, found.low), min(high, found.high)

    def _verdict(self, value: float, found: AnomalyScore, nats: float) -> Verdict:
        how, knows = self._how, self.knows
        side = (how.above and value > found.expected) or (how.below and value < found.expected)
        beyond = knows and side and found.lasting >= how.threshold
        self._lately = [*self._lately[1 - OF_MINUTES :], beyond]
        if math.isnan(value) or not knows:
            return Verdict.UNKNOWN
        if nats >= how.evidence or sum(self._lately) >= IN_MINUTES:
            return Verdict.BREACH
        nearly = (side and found.lasting >= _WELL * how.threshold) or nats >= _WELL * how.evidence
        return Verdict.BETWEEN if nearly else Verdict.CLEAR
