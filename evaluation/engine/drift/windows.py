"""Reference windows that know seasons: the same hours of earlier days, of the same weekday where that is asked for."""

from __future__ import annotations

import math
from typing import Final

DAY_S: Final = 86_400
WEEK_S: Final = 7 * DAY_S

Span = tuple[float, float]
"""From, and until before; seconds."""
MOST_SPANS: Final = 60
"""Of a reference; of more the newest."""


def reference_spans(kind: str, start: float, end: float, *, periods: int = 1, fixed: Span | None = None) -> list[Span]:
    """The stretches that a window is compared with, the newest first; none of them reaches into the window.

    ``previous``: as long, right before it. ``daily``, ``weekly``: the same hours so many days or weeks before; of a
    window longer than that, the same hours as many whole days or weeks before as it takes. ``fixed``: a stretch that
    stays; of one of a day or more the hours of the window, if that is shorter than a day.

    Raises:
        ValueError: the window ends before it starts, or the kind is none of these.
    """
    width = end - start
    if width <= 0 or periods < 1:
        raise ValueError("A window ends after it starts, and a reference needs a period at least.")
    if kind == "fixed":
        return _fixed(start, end, fixed)
    steps = {"previous": width, "daily": _whole(width, DAY_S), "weekly": _whole(width, WEEK_S)}
    if kind not in steps:
        raise ValueError(f"There is no reference {kind!r}.")
    return [(start - back * steps[kind], end - back * steps[kind]) for back in range(1, min(periods, MOST_SPANS) + 1)]


def _whole(width: float, period: int) -> float:
    return math.ceil(width / period) * period


def _fixed(start: float, end: float, fixed: Span | None) -> list[Span]:
    if fixed is None:
        raise ValueError("A fixed reference says from when to when.")
    since, until = fixed[0], min(fixed[1], start)
    if until <= since:
        return []
    if end - start >= DAY_S or until - since < DAY_S:
        return [(since, until)]
    found = []
    for back in range(math.ceil((start - until) / DAY_S), math.ceil((end - since) / DAY_S) + 1):
        one = max(since, start - back * DAY_S), min(until, end - back * DAY_S)
        if one[1] > one[0]:
            found.append(one)
    return found[:MOST_SPANS]
