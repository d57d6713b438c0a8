"""What a function takes and gives, and what goes wrong when expressions are evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from guardrails.engine.invariants.types import DYN, Type

MAX_TEXT: Final = 1_000_000
"""Characters of a text that an expression makes."""
MAX_FOUND: Final = 1_000
"""Items that a function finds in a text; what follows is left out."""


class EvaluationFailed(Exception):
    """The expression has no answer for these facts; the message holds nothing of them."""


class Signature(msgspec.Struct, frozen=True):
    """One way to call a function."""

    takes: tuple[Type, ...]
    gives: Type
    run: Callable[..., Any]
    """Raises :class:`EvaluationFailed`, or ValueError whose message holds nothing of the arguments."""
    last_repeats: bool = False
    """Whether the last argument may be given any number of times, and at least once."""

    def written(self, name: str) -> str:
        """As people read it: ``find(string, string) → string``."""
        if name.startswith("_") or name.endswith("_"):
            return " ".join([str(self.takes[0]), name.strip("_"), str(self.takes[-1])])
        taken = ", ".join(map(str, self.takes)) + (", …" if self.last_repeats else "")
        return f"{name}({taken}) → {self.gives}"

    def takes_so_many(self, given: int) -> bool:
        """Whether it can be called with this number of arguments."""
        return given >= len(self.takes) if self.last_repeats else given == len(self.takes)

    def taken(self, given: int) -> tuple[Type, ...]:
        """What each of so many arguments must be."""
        return self.takes + self.takes[-1:] * (given - len(self.takes))


class Function(msgspec.Struct, frozen=True):
    """A function, in all ways to call it. ``f(a, b)`` and ``a.f(b)`` are the same."""

    name: str
    about: str
    """One sentence for people."""
    signatures: tuple[Signature, ...]
    family: str = ""
    """Under which it is listed; empty: not at all, because it is an operator."""
    reads: bool = False
    """Whether its time grows with its texts, so that they count, and its answers are kept for a second asking."""
    steps: int = 1
    """What calling it counts, its texts aside: about one for each half microsecond."""
    literals: Mapping[int, Callable[[str], Any]] = {}
    """What a text that is written out as this argument must pass; raises ValueError."""
    example: str = ""


def signature(*takes: Type, gives: Type = DYN, run: Callable[..., Any], last_repeats: bool = False) -> Signature:
    """One way to call a function."""
    return Signature(takes, gives, run, last_repeats)


def of_bounded_length(text: str) -> str:
    """The text.

    Raises:
        EvaluationFailed: it is longer than any that an expression may make.
    """
    if len(text) > MAX_TEXT:
        raise EvaluationFailed(f"a text became longer than {MAX_TEXT:,} characters")
    return text
