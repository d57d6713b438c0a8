"""Which days a report is about, and how it is called. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from reports.sections.base import DAYS, local


def covered(kind: str, moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The whole days before the one of the moment, by the clock on the wall: one, seven or twenty-eight."""
    end = datetime.combine(moment.astimezone(zone).date(), time(), zone).astimezone(UTC)
    return local(end, zone, -DAYS.get(kind, 1)), end


def title_of(name: str, kind: str, start: datetime, end: datetime, zone: ZoneInfo, run: str = "") -> str:
    """The schedule's name and the days, or the run."""
    return f"{name}: {run}" if run else f"{name}, {days_in_words(start, end, zone)}"


def days_in_words(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """``16–22 November 2026``; the end is midnight after the last day."""
    first, last = start.astimezone(zone).date(), local(end, zone, -1).astimezone(zone).date()
    if first >= last:
        return f"{first:%-d %B %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first:%-d}–{last:%-d %B %Y}"
    return f"{first:%-d %B}{'' if first.year == last.year else f' {first.year}'} – {last:%-d %B %Y}"
