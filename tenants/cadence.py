"""When something is to happen again and again: as people choose it, as a crontab, and as instants in a time zone. Pure.

The crontab's fields are read by Celery's own parser, so that beat and we mean the same. An instant is told by the
clock on the wall: what falls into an hour that the clock leaps over comes that much later, and an hour that comes
twice counts the first time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from celery.schedules import ParseException, crontab_parser

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LAST_DAY: Final = 28
"""Of a month that all of them have."""
_HORIZON_DAYS: Final = 8 * 366
"""A crontab that has no day in so long, which the 29th of February may take, has none."""
_DAYS_OF_WEEK: Final = {name[:3].lower(): str((at + 1) % 7) for at, name in enumerate(WEEKDAYS)}
_MONTHS: Final = {
    name: str(at)
    for at, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_NAME: Final = re.compile(r"[a-z]{3,}")


class Every(StrEnum):
    """How often."""

    DAY = "daily"
    WEEK = "weekly"
    MONTH = "monthly"
    CRON = "cron"


class Crontab(msgspec.Struct, frozen=True):
    """The five fields, as crontabs write them; Sunday is 0, and both kinds of days have to fit."""

    minute: str
    hour: str
    day_of_month: str
    month_of_year: str
    day_of_week: str


class Cadence(msgspec.Struct, frozen=True, kw_only=True):
    """What a person chose; ``cron`` counts for :attr:`Every.CRON` alone, the rest for the others."""

    every: str
    hour: int = 6
    minute: int = 0
    weekday: int = 0
    """0 is Monday."""
    day: int = 1
    """Of the month, up to :data:`LAST_DAY`."""
    cron: str = ""

    @property
    def crontab(self) -> Crontab:
        """The same as beat has it.

        Raises:
            ValueError: the crontab has not five fields.
        """
        if self.every == Every.CRON:
            fields = self.cron.lower().split()
            if len(fields) != 5:
                raise ValueError("A crontab has five fields: minute, hour, day of month, month, day of week.")
            minute, hour, day, month, weekday = fields
            return Crontab(minute, hour, day, _named(month, _MONTHS), _named(weekday, _DAYS_OF_WEEK))
        weekday = str((self.weekday + 1) % 7) if self.every == Every.WEEK else "*"
        day = str(self.day) if self.every == Every.MONTH else "*"
        return Crontab(str(self.minute), str(self.hour), day, "*", weekday)

    @property
    def in_words(self) -> str:
        """As a sentence begins."""
        at = f"at {self.hour:02}:{self.minute:02}"
        if self.every == Every.CRON:
            return f"By the crontab {self.cron}"
        if self.every == Every.WEEK:
            return f"Every {WEEKDAYS[self.weekday]} {at}"
        return f"On day {self.day} of every month {at}" if self.every == Every.MONTH else f"Every day {at}"


def check(cadence: Cadence) -> None:
    """Nothing, where the cadence means something.

    Raises:
        ValueError: it does not, is more often than hourly, or never comes; the message is for people.
    """
    if cadence.every not in set(Every):
        raise ValueError("Choose daily, weekly, monthly or a crontab.")
    in_range = 0 <= cadence.hour < 24 and 0 <= cadence.minute < 60 and 0 <= cadence.weekday < 7
    if not in_range or not 1 <= cadence.day <= LAST_DAY:
        raise ValueError(f"There is no such time of day, day of the week, or day of the month (1 to {LAST_DAY}).")
    fields = _Fields.of(cadence.crontab)
    if len(fields.minutes) != 1:
        raise ValueError("At most once an hour: the crontab's first field is one minute, such as 0.")
    if next(fields.days(date(2024, 1, 1), 1), None) is None:
        raise ValueError("No day fits this crontab.")


def next_after(cadence: Cadence, moment: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant after the moment; None where there is none."""
    fields = _Fields.of(cadence.crontab)
    first = moment.astimezone(zone).date() - timedelta(days=1)
    return next((at for at in fields.instants(first, 1, zone) if at > moment), None)


def last_until(cadence: Cadence, moment: datetime, zone: ZoneInfo) -> datetime | None:
    """The last instant at or before the moment; None where there is none."""
    fields = _Fields.of(cadence.crontab)
    last = moment.astimezone(zone).date() + timedelta(days=1)
    return next((at for at in fields.instants(last, -1, zone) if at <= moment), None)


class _Fields(msgspec.Struct, frozen=True):
    minutes: list[int]
    hours: list[int]
    days_of_month: frozenset[int]
    months: frozenset[int]
    days_of_week: frozenset[int]

    @classmethod
    def of(cls, crontab: Crontab) -> _Fields:
        try:
            return cls(
                sorted(crontab_parser(60).parse(crontab.minute)),
                sorted(crontab_parser(24).parse(crontab.hour)),
                frozenset(crontab_parser(31, 1).parse(crontab.day_of_month)),
                frozenset(crontab_parser(12, 1).parse(crontab.month_of_year)),
                frozenset(crontab_parser(7).parse(crontab.day_of_week)),
            )
        except (ParseException, ValueError) as error:
            raise ValueError("This is no crontab: write something like 30 6 * * 1-5.") from error

    def days(self, first: date, step: int) -> Iterator[date]:
        for away in range(_HORIZON_DAYS):
            day = first + timedelta(days=step * away)
            fits = day.day in self.days_of_month and day.month in self.months
            if fits and (day.weekday() + 1) % 7 in self.days_of_week:
                yield day

    def instants(self, first: date, step: int, zone: ZoneInfo) -> Iterator[datetime]:
        times = [(hour, minute) for hour in self.hours for minute in self.minutes][::step]
        for day in self.days(first, step):
            for hour, minute in times:
                # Without a fold it is the earlier of two, and what a gap swallows is moved on by the gap.
                yield datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)


def _named(field: str, numbers: dict[str, str]) -> str:
    """With numbers where the field has names, as Celery's own rows of crontabs want them."""
    return _NAME.sub(lambda name: numbers.get(name[0][:3], name[0]), field)
