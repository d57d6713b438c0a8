"""The calendar of analytics: stretches of time cut at the tenant's hours, midnights, Mondays and months. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from contracts.budgets import BudgetWindow, period_at
from contracts.errors import InvalidRequest
from events.ledger.grains import ceil_quarter

MAX_BUCKETS: Final = 1_000


class Bucket(NamedTuple):
    """Unix milliseconds, from ``start_ms`` until just before ``end_ms``."""

    start_ms: int
    end_ms: int


def buckets(window: BudgetWindow, time_zone: str, start_ms: int, end_ms: int) -> list[Bucket]:
    """The windows that the stretch touches, the first and the last cut to it; one for ``total``.

    The cuts are those of budgets (:func:`contracts.budgets.period_at`), so that a day's analytics are what the day's
    budget counted.

    Raises:
        InvalidRequest: they would be more than :data:`MAX_BUCKETS`.
    """
    if start_ms >= end_ms:
        return []
    if window is BudgetWindow.TOTAL:
        return [Bucket(start_ms, end_ms)]
    found: list[Bucket] = []
    cursor = start_ms
    while cursor < end_ms:
        # Zones have had offsets of odd minutes, before there was anything to count.
        following = max(ceil_quarter(period_at(window, time_zone, cursor).end_ms), cursor + 1)
        found.append(Bucket(cursor, min(following, end_ms)))
        if len(found) > MAX_BUCKETS:
            raise InvalidRequest(
                f"That is more than {MAX_BUCKETS} periods of one {window.value}: ask for less time or a longer period.",
                param="period",
            )
        cursor = following
    return found
