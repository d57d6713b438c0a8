"""What a usage page is asked: whose calls, of when, told apart by what. All of it is in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from django.http import HttpRequest, QueryDict

from contracts.budgets import BudgetWindow, period_at
from contracts.usage import TagFilter, UsageDimension, UsageQuery
from events.ledger.buckets import Bucket, buckets
from events.ledger.grains import ceil_quarter, floor_quarter
from gateway.formats.analytics import FILTERS, MAX_LIMIT, MAX_VALUE_LENGTH

RANGES: Final = {
    "month": "This month",
    "last-month": "Last month",
    "7d": "7 days",
    "30d": "30 days",
    "90d": "90 days",
}
DEFAULT_RANGE: Final = "month"
_DAYS: Final = {"7d": 7, "30d": 30, "90d": 90}
_LONGEST: Final = timedelta(days=1_000)
_WINDOWS: Final = ((3, BudgetWindow.HOUR), (100, BudgetWindow.DAY), (400, BudgetWindow.WEEK))
"""Days up to which a chart has bars of this length."""
TAG: Final = "tag:"
_NEXT: Final = {"team": "key", "key": "model", "model": "key"}
"""What is asked for next when one looks into a group; everything else leads to models."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Unix milliseconds, on full quarters of an hour."""

    start_ms: int
    end_ms: int
    name: str = ""
    """A key of :data:`RANGES`; empty for a range of one's own."""


@dataclass(frozen=True)
class UsageScope:
    """A question about usage, as the URL puts it; what it says wrongly is left out."""

    parameters: QueryDict
    time_zone: str
    now_ms: int

    @classmethod
    def of(cls, request: HttpRequest, time_zone: str, now_ms: int) -> UsageScope:
        """What the request asks."""
        return cls(request.GET, time_zone, now_ms)

    # --- when ----------------------------------------------------------------------------------------

    @cached_property
    def stretch(self) -> Stretch:
        """The time that is asked about; it ends with the present quarter of an hour at the latest."""
        own = self._own_stretch()
        if own is not None:
            return own
        name = self.parameters.get("range", "")
        name = name if name in RANGES else DEFAULT_RANGE
        now = ceil_quarter(self.now_ms)
        this_month = period_at(BudgetWindow.MONTH, self.time_zone, self.now_ms)
        if name == "month":
            return Stretch(floor_quarter(this_month.start_ms), now, name)
        if name == "last-month":
            last = period_at(BudgetWindow.MONTH, self.time_zone, this_month.start_ms - 1)
            return Stretch(floor_quarter(last.start_ms), floor_quarter(last.end_ms), name)
        first = self._local(self.now_ms).date() - timedelta(days=_DAYS[name] - 1)
        return Stretch(self._midnight(first), now, name)

    @cached_property
    def previous(self) -> Stretch:
        """As much time before: of the month before its first days, otherwise what lies directly before."""
        now = self.stretch
        if now.name in ("month", "last-month"):
            before = period_at(BudgetWindow.MONTH, self.time_zone, now.start_ms - 1)
            start = floor_quarter(before.start_ms)
            whole = now.name == "last-month"
            return Stretch(start, now.start_ms if whole else min(now.start_ms, start + now.end_ms - now.start_ms))
        return Stretch(max(0, 2 * now.start_ms - now.end_ms), now.start_ms)

    @property
    def previous_words(self) -> str:
        """What the change is measured against."""
        if self.stretch.name == "month":
            return "to the same days of last month"
        return "to the month before" if self.stretch.name == "last-month" else "to the time before"

    @property
    def window(self) -> BudgetWindow:
        """The length of the chart's bars."""
        days = (self.stretch.end_ms - self.stretch.start_ms) / 86_400_000
        return next((window for most, window in _WINDOWS if days <= most), BudgetWindow.MONTH)

    @cached_property
    def cut(self) -> list[Bucket]:
        """The chart's bars."""
        return buckets(self.window, self.time_zone, self.stretch.start_ms, self.stretch.end_ms)

    @property
    def first_day(self) -> date:
        """In the time zone of the question."""
        return self._local(self.stretch.start_ms).date()

    @property
    def last_day(self) -> date:
        """The last one that is in it, at least in part."""
        return self._local(self.stretch.end_ms - 1).date()

    def _own_stretch(self) -> Stretch | None:
        start = self._instant(self.parameters.get("from"), end=False)
        end = self._instant(self.parameters.get("to"), end=True) or self.now_ms
        if start is None or end <= start:
            return None
        end = min(ceil_quarter(end), ceil_quarter(self.now_ms))
        start = max(floor_quarter(start), end - int(_LONGEST.total_seconds()) * 1000)
        return Stretch(start, end) if start < end else None

    def _instant(self, text: str | None, *, end: bool) -> int | None:
        """A date means the whole day, also as an end; a time without a zone is one of the question's."""
        try:
            moment = datetime.fromisoformat(text) if text else None
        except ValueError:
            return None
        if moment is None or not 1971 < moment.year < 9000:
            return None
        if text is not None and len(text) == len("2026-11-21"):
            return self._midnight(moment.date() + timedelta(days=1 if end else 0))
        zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=self._zone)
        return round(zoned.timestamp() * 1000)

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def _midnight(self, day: date) -> int:
        return floor_quarter(round(datetime.combine(day, time(), self._zone).timestamp() * 1000))

    def _local(self, instant_ms: int) -> datetime:
        return datetime.fromtimestamp(instant_ms / 1000, UTC).astimezone(self._zone)

    # --- what ----------------------------------------------------------------------------------------

    @property
    def by(self) -> str:
        """A dimension's name, or ``tag:NAME``."""
        asked = self.parameters.get("by", "")
        if asked.startswith(TAG) and _plausible(asked[len(TAG) :]):
            return asked
        return asked if asked in {each.value for each in UsageDimension} else UsageDimension.MODEL.value

    @cached_property
    def filters(self) -> tuple[tuple[UsageDimension, str], ...]:
        """Only of these calls."""
        given = self.parameters
        return tuple(
            (dimension, str(given[name])) for name, dimension in FILTERS.items() if _plausible(given.get(name))
        )

    @property
    def tag(self) -> TagFilter | None:
        """Only of calls with this tag."""
        name, _, value = self.parameters.get("tag", "").partition(":")
        return TagFilter(name, value) if _plausible(name) and "\x00" not in value and value else None

    def query(self, tenant_id: str, stretch: Stretch | None = None) -> UsageQuery:
        """The sums of all that is asked for, in one row."""
        when = stretch or self.stretch
        return UsageQuery(
            tenant_id=tenant_id,
            time_zone=self.time_zone,
            start_ms=when.start_ms,
            end_ms=when.end_ms,
            filters=self.filters,
            tag=self.tag,
            limit=MAX_LIMIT,
        )

    @property
    def grouping(self) -> dict[str, object]:
        """The fields of a query that make its groups."""
        if self.by.startswith(TAG):
            return {"group_by": (), "group_by_tag": self.by[len(TAG) :]}
        return {"group_by": (UsageDimension(self.by),), "group_by_tag": None}

    # --- addresses -----------------------------------------------------------------------------------

    def link(self, changes: Mapping[str, str], *, without: tuple[str, ...] = ()) -> str:
        """The query string with these parameters; the page of a table's rows does not stay."""
        changed = self.parameters.copy()
        for name in ("page", "format", *without):
            changed.pop(name, None)
        for name, value in changes.items():
            changed[name] = value
        return f"?{changed.urlencode()}"

    def into(self, value: str) -> str:
        """Where one looks into a group: only its calls, told apart by the next thing."""
        if self.by.startswith(TAG):
            return self.link({"tag": f"{self.by[len(TAG) :]}:{value}", "by": "model"}, without=("sort",))
        name = next(name for name, dimension in FILTERS.items() if dimension.value == self.by)
        known = {dimension.value for dimension, _ in self.filters}
        following = _NEXT.get(self.by, "model")
        following = following if following not in known else next(d for d in ("model", "key", "team") if d not in known)
        return self.link({name: value, "by": following}, without=("sort",))


def _plausible(text: str | None) -> bool:
    return bool(text) and text is not None and len(text) <= MAX_VALUE_LENGTH and "\x00" not in text
