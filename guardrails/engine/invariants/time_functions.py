"""Functions about dates and times."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Callable
from typing import Any, Final

from guardrails.engine.invariants.operators import moved
from guardrails.engine.invariants.reading import dates
from guardrails.engine.invariants.signatures import (
    EvaluationFailed,
    Function,
    signature,
)
from guardrails.engine.invariants.types import (
    DURATION,
    INT,
    STRING,
    TIMESTAMP,
    list_of,
)

_FAMILY: Final = "Dates and times"
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(h|ms|us|ns|m|s)")
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def timestamp_of(text: str) -> dt.datetime:
    """An instant of RFC 3339.

    Raises:
        ValueError: the text is none.
    """
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        text += "T00:00:00Z"
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        found = dt.datetime.min
    if found.tzinfo is None:
        raise ValueError("not an instant such as '2026-11-21T10:00:00Z'")
    return found


def duration_of(text: str) -> dt.timedelta:
    """A duration such as ``1h30m``.

    Raises:
        ValueError: the text is none.
    """
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text)
    parts = _DURATION.findall(rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest or len(rest) > 40:
        raise ValueError("not a duration such as '1h30m'")
    try:
        return sign * dt.timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    except OverflowError:
        raise ValueError("not a duration such as '1h30m'") from None


def zone(name: str) -> dt.tzinfo:
    """A time zone by its IANA name, or ``+02:00``.

    Raises:
        ValueError: there is none.
    """
    offset = re.fullmatch(r"([+-])?(\d\d):(\d\d)", name)
    if offset and int(offset[2]) < 24:
        minutes = int(offset[2]) * 60 + int(offset[3])
        return dt.timezone(dt.timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not a time zone such as 'Europe/Berlin'") from None


def _part(read: Callable[[dt.datetime], int], of_duration: Callable[[dt.timedelta], int] | None = None) -> Any:
    signatures = [
        signature(TIMESTAMP, gives=INT, run=lambda at: read(at.astimezone(dt.UTC))),
        signature(TIMESTAMP, STRING, gives=INT, run=lambda at, name: read(at.astimezone(zone(name)))),
    ]
    if of_duration is not None:
        signatures.append(signature(DURATION, gives=INT, run=of_duration))
    return tuple(signatures)


def _hours(value: dt.timedelta) -> int:
    return int(value.total_seconds() // 3600)


def _minutes(value: dt.timedelta) -> int:
    return int(value.total_seconds() // 60)


def _seconds(value: dt.timedelta) -> int:
    return int(value.total_seconds())


def _span(seconds: int) -> dt.timedelta:
    try:
        return dt.timedelta(seconds=seconds)
    except OverflowError:
        raise EvaluationFailed("a date left the years 1 to 9999") from None


FUNCTIONS: Final = (
    Function(
        "dates",
        "Every date with a year in the text, as midnight UTC; 'dmy' where 3/4/2026 is in April.",
        (
            signature(STRING, gives=list_of(TIMESTAMP), run=dates),
            signature(STRING, STRING, gives=list_of(TIMESTAMP), run=dates),
        ),
        _FAMILY,
        reads=True,
        example="dates(response.text).all(d, d > request.time)",
    ),
    Function(
        "timestamp",
        "The instant that a text of RFC 3339 names, or so many seconds after 1970.",
        (
            signature(STRING, gives=TIMESTAMP, run=timestamp_of),
            signature(INT, gives=TIMESTAMP, run=lambda s: moved(dt.datetime(1970, 1, 1, tzinfo=dt.UTC), _span(s))),
        ),
        _FAMILY,
        literals={0: timestamp_of},
        example="request.time < timestamp('2027-01-01T00:00:00Z')",
    ),
    Function(
        "duration",
        "The duration that a text such as 1h30m names.",
        (signature(STRING, gives=DURATION, run=duration_of),),
        _FAMILY,
        literals={0: duration_of},
        example="request.time - dates(response.text)[0] < duration('720h')",
    ),
    Function("getFullYear", "The year, in UTC or the given time zone.", _part(lambda at: at.year), _FAMILY),
    Function("getMonth", "The month, 0 is January.", _part(lambda at: at.month - 1), _FAMILY),
    Function("getDate", "The day of the month, from 1.", _part(lambda at: at.day), _FAMILY),
    Function("getDayOfMonth", "The day of the month, from 0.", _part(lambda at: at.day - 1), _FAMILY),
    Function("getDayOfYear", "The day of the year, from 0.", _part(lambda at: at.timetuple().tm_yday - 1), _FAMILY),
    Function(
        "getDayOfWeek",
        "The day of the week, 0 is Sunday.",
        _part(lambda at: at.isoweekday() % 7),
        _FAMILY,
        example="request.time.getDayOfWeek('Europe/Berlin') in [1, 2, 3, 4, 5]",
    ),
    Function("getHours", "The hour; of a duration all of its hours.", _part(lambda at: at.hour, _hours), _FAMILY),
    Function(
        "getMinutes", "The minute; of a duration all of its minutes.", _part(lambda at: at.minute, _minutes), _FAMILY
    ),
    Function(
        "getSeconds", "The second; of a duration all of its seconds.", _part(lambda at: at.second, _seconds), _FAMILY
    ),
)
