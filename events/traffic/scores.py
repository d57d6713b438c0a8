"""Scores of live calls as they are counted: by evaluator, by whose calls they are, and by twentieths of a score. Pure.

Scores are counted in buckets, so that any limit that is a multiple of a twentieth can be asked for afterwards.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Self
from urllib.parse import quote, unquote

BUCKETS: Final = 20
"""Of a score from 0 to 1; what is 1 has one of its own."""
UNIT: Final = 1_000_000_000
"""A score of 1, as sums have it."""
_SEPARATOR: Final = "/"
_AFTER_SEPARATOR: Final = "0"
_ROUNDING: Final = 1e-9


class ScorePart(NamedTuple):
    """What a score counts for."""

    evaluator: str
    segment: str
    """``all``, ``route`` or ``model``."""
    name: str
    """Of the route or model; empty for all calls."""
    bucket: int

    def __str__(self) -> str:
        return f"{prefix_of(self.evaluator, self.segment, self.name)}{self.bucket:02d}"

    @classmethod
    def of(cls, text: str) -> Self:
        """The part that was written like this."""
        evaluator, segment, name, bucket = text.split(_SEPARATOR, 3)
        return cls(unquote(evaluator), segment, unquote(name), int(bucket))


def prefix_of(evaluator: str, segment: str, name: str = "") -> str:
    """What all parts of these scores begin with, whatever their bucket."""
    return _SEPARATOR.join((quote(evaluator, safe=""), segment, quote(name, safe=""), ""))


def range_of(evaluator: str, segment: str, name: str = "") -> tuple[str, str]:
    """From and up to, not including, in the order of the database's ``C`` collation."""
    prefix = prefix_of(evaluator, segment, name)
    return prefix, prefix[:-1] + _AFTER_SEPARATOR


def bucket_of(score: float) -> int:
    """0 to :data:`BUCKETS`."""
    return min(BUCKETS, max(0, int(score * BUCKETS + _ROUNDING)))


def parts_of(evaluator: str, score: float, *, route: str, model: str) -> list[ScorePart]:
    """What one score counts for."""
    bucket = bucket_of(score)
    named = [ScorePart(evaluator, kind, name, bucket) for kind, name in (("route", route), ("model", model)) if name]
    return [ScorePart(evaluator, "all", "", bucket), *named]
