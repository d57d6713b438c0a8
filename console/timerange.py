"""The time range of a page: ``?range=24h``, or ``?from=…&to=…``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

RANGES: dict[str, tuple[str, timedelta]] = {
    "15m": ("15 minutes", timedelta(minutes=15)),
    "1h": ("1 hour", timedelta(hours=1)),
    "6h": ("6 hours", timedelta(hours=6)),
    "24h": ("24 hours", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
}
LONGEST = timedelta(days=400)
_STEPS = (60, 300, 900, 3_600, 21_600, 86_400)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From ``start`` up to, not including, ``end``."""

    start: datetime
    end: datetime
    name: str = ""
    """A key of :data:`RANGES`; empty for a range of one's own."""

    @property
    def label(self) -> str:
        """``Last 24 hours``, or the two times in the viewer's zone."""
        if self.name:
            return f"Last {RANGES[self.name][0]}"
        start, end = timezone.localtime(self.start), timezone.localtime(self.end)
        return f"{start:%-d %b %H:%M} – {end:%-d %b %H:%M}"

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    @property
    def previous(self) -> TimeRange:
        """The range of the same length just before: what changes are measured against."""
        return TimeRange(self.start - self.length, self.start)

    @property
    def query(self) -> str:
        """For links to other pages of the same range."""
        if self.name:
            return f"range={self.name}"
        return f"from={self.start:%Y-%m-%dT%H:%M:%SZ}&to={self.end:%Y-%m-%dT%H:%M:%SZ}"

    def step_s(self, points: int = 120) -> int:
        """Seconds between points of a chart, a round number, so that there are about ``points`` at most."""
        wanted = self.length.total_seconds() / points
        return next((step for step in _STEPS if step >= wanted), _STEPS[-1])

    @property
    def start_local(self) -> str:
        """For an ``<input type="datetime-local">``."""
        return f"{timezone.localtime(self.start):%Y-%m-%dT%H:%M}"

    @property
    def end_local(self) -> str:
        """For an ``<input type="datetime-local">``."""
        return f"{timezone.localtime(self.end):%Y-%m-%dT%H:%M}"


def time_range(request: HttpRequest, default: str = "24h") -> TimeRange:
    """What the URL says; the default for what it does not say or says wrongly."""
    now = timezone.now()
    start, end = _moment(request.GET.get("from")), _moment(request.GET.get("to"))
    if start is not None and start < (end or now):
        return TimeRange(max(start, (end or now) - LONGEST), end or now)
    name = request.GET.get("range", "")
    name = name if name in RANGES else default
    return TimeRange(now - RANGES[name][1], now, name)


def _moment(text: str | None) -> datetime | None:
    """A time without a zone is the viewer's."""
    try:
        moment = parse_datetime(text) if text else None
        if moment is None or not 1971 < moment.year < 9000:
            return None
        return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
    except (ValueError, OverflowError):
        return None
