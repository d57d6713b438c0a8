"""What went wrong during the demo's days: one outage, one slow spell, one key that spent too much. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controlplane.demo.configuration import MadeTarget

OPEN_FOR_MS = 30_000
"""How long a circuit stays open before it is tried again."""
_FAILURES_TO_OPEN = 6
_CALLS_THAT_MEET_IT = 60


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of time, in Unix milliseconds, in which something is different for one provider or key."""

    whose: str
    start_ms: int
    end_ms: int

    def holds(self, whose: str, at_ms: int) -> bool:
        """Whether it is about this one at this instant."""
        return self.spans(at_ms) and whose.startswith(self.whose)

    def spans(self, at_ms: int) -> bool:
        """Whether the instant lies in it."""
        return self.start_ms <= at_ms < self.end_ms


@dataclass(frozen=True, slots=True)
class Incidents:
    """The incidents of one story."""

    outage: Spell
    slow: Spell
    spike: Spell

    @classmethod
    def between(cls, start: datetime, until: datetime, calls: int) -> Incidents:
        """The same ones at the same part of every story; about 50, 80 and 150 minutes of a busy week.

        Of few ``calls`` they take longer, for there to be some that meet them.
        """
        span = until - start
        shortest = min(0.25, _CALLS_THAT_MEET_IT / max(1, calls))

        def spell(whose: str, begins: float, share: float) -> Spell:
            first = start + span * begins
            return Spell(whose, _ms(first), _ms(first + span * max(share, shortest)))

        return cls(
            outage=spell("openai", 0.71, 0.005),
            slow=spell("anthropic", 0.44, 0.008),
            spike=spell("Nightly evaluations", 0.872, 0.015),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A circuit changed its state."""

    at_ms: int
    target: MadeTarget
    old: str
    new: str
    reason: str


@dataclass(slots=True)
class _Circuit:
    state: str = "closed"
    failures: int = 0
    opened_ms: int = 0


class Breakers:
    """The circuits of all targets, as calls in the order of time move them."""

    def __init__(self) -> None:
        self._circuits: dict[str, _Circuit] = {}
        self.changes: list[Change] = []

    def is_open(self, target: MadeTarget, at_ms: int) -> bool:
        """Whether a call may not try the target; after a while one may, as a probe."""
        circuit = self._circuits.get(target.id)
        if circuit is None or circuit.state == "closed":
            return False
        if circuit.state == "half_open":
            return False
        if at_ms - circuit.opened_ms < OPEN_FOR_MS:
            return True
        self._move(circuit, target, at_ms, "half_open", "open_elapsed")
        return False

    def note(self, target: MadeTarget, at_ms: int, *, failed: bool) -> None:
        """An attempt ended."""
        circuit = self._circuits.setdefault(target.id, _Circuit())
        if circuit.state == "half_open":
            new, reason = ("open", "probe_failed") if failed else ("closed", "probes_succeeded")
            self._move(circuit, target, at_ms, new, reason)
        elif failed:
            circuit.failures += 1
            if circuit.failures >= _FAILURES_TO_OPEN and circuit.state == "closed":
                self._move(circuit, target, at_ms, "open", "failure_rate")
        else:
            circuit.failures = 0

    def _move(self, circuit: _Circuit, target: MadeTarget, at_ms: int, new: str, reason: str) -> None:
        self.changes.append(Change(at_ms, target, circuit.state, new, reason))
        circuit.state, circuit.failures = new, 0
        if new == "open":
            circuit.opened_ms = at_ms


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
