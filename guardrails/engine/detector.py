"""What every detector is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from contracts.guardrails import Finding
from guardrails.engine.text import Text


class Detector(Protocol):
    """Looks for something in a text: deterministic, thread-safe, in time that grows with the text's length alone."""

    window: int | None
    """The most characters that one match can span, what must surround it included; None: no bound, so that streams
    are looked at when they are complete."""

    def find(self, text: Text) -> Sequence[Finding]:
        """What there is, in order of ``start``; findings of one detector do not overlap."""


class DeepDetector(Protocol):
    """As :class:`Detector`, at leave to take long: models, other services. Has a deadline and may be cancelled."""

    async def find(self, text: Text) -> Sequence[Finding]:
        """What there is, in order of ``start``.

        Raises:
            Exception: it could not tell; the rule's ``on_error`` then decides.
        """


class Measure(msgspec.Struct, frozen=True):
    """How near a text came to what a rule looks for, whether it was found or not."""

    name: str
    score: float
    """0 to 1."""
    least: float
    """From here on it is found."""
    note: str = ""
    """What the score goes by; for whoever tries texts out, who knows them."""


@runtime_checkable
class Measuring(Protocol):
    """A deep detector that can say how near it was."""

    async def measures(self, text: Text) -> Sequence[Measure]:
        """One for each thing that it looks for."""
