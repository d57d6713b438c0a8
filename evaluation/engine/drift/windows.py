"""Reference windows that know seasons: the same hours of earlier days, of the same weekday where that is asked for."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from evaluation.engine.drift.results import Floats

Mask = np.ndarray[Any, np.dtype[np.bool_]]

DAY_S: Final = 86_400
WEEK_S: Final = 7 * DAY_S


def same_hours(
    times: Floats, *, start: float, end: float, days: int = 7, weekly: bool = False, slack_s: float = 0
) -> Mask:
    """Which of the times (seconds) lie in the hours of ``start`` to ``end`` on each of the ``days`` days before.

    ``weekly``: on the same weekday of so many weeks before. ``slack_s`` widens each by so much at either end; what is
    in the window itself is never part of its reference. A window longer than a day (a week) takes all before it.

    Raises:
        ValueError: the window ends before it starts, or no day is asked for.
    """
    if end <= start or days < 1:
        raise ValueError("A window ends after it starts, and a reference needs a day at least.")
    period = WEEK_S if weekly else DAY_S
    width = min(end - start + 2 * slack_s, period)
    since = (times - (start - slack_s)) % period
    chosen: Mask = (since < width) & (times < start) & (times >= start - slack_s - days * period)
    return chosen
