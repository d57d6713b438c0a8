"""When rules were last checked: for health pages, probes and Prometheus."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from django.utils import timezone

from alerting.rules import CheckRun

LATE_S: Final = 120.0
"""A check is due every 30 s."""


class LastCheck(msgspec.Struct, frozen=True):
    """What the one row says; None where no check was ever done."""

    finished_at: datetime | None = None
    checked_until: datetime | None = None
    rules: int = 0
    failed: int = 0
    duration_ms: int = 0

    @property
    def age_s(self) -> float | None:
        """Since it was finished."""
        return None if self.finished_at is None else (timezone.now() - self.finished_at).total_seconds()

    @property
    def is_late(self) -> bool:
        """Whether the next one should have been done; not where none ever was, as in an installation that begins."""
        return self.age_s is not None and self.age_s > LATE_S


def last_check() -> LastCheck:
    """One query."""
    row = CheckRun.objects.filter(id=1).first()
    if row is None:
        return LastCheck()
    return LastCheck(row.finished_at, row.checked_until, row.rules, row.failed, row.duration_ms)
