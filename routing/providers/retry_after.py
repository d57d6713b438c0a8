"""When a provider says that it may be asked again: one reading of every header and body field in use."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

_UNIT_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_DURATION_STEP = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|us|ns|d|h|m|s)", re.ASCII)
_DURATION = re.compile(rf"(?:{_DURATION_STEP.pattern})+", re.ASCII)
_NUMBER = re.compile(r"\d{1,15}(?:\.\d*)?|\.\d+", re.ASCII)
_UNIX_INSTANT = 1e9
"""From here on a bare number is an instant (Unix seconds, or milliseconds from 1e12), not a delay."""
_WINDOW_RESET = re.compile(r"(?P<window>(?:x|anthropic)-ratelimit)(?P<before>-.+)?-reset(?P<after>-.+)?", re.ASCII)


def retry_after_s(headers: Mapping[str, str], body: bytes = b"", *, now_s: float | None = None) -> float | None:
    """Seconds until the provider wants the next request, None when it did not say.

    Read in this order: ``retry-after-ms``, ``retry-after`` (seconds or an HTTP date), Google's ``RetryInfo`` in
    the body, then the resets of rate-limit windows (OpenAI's ``x-ratelimit-reset-*``, Anthropic's
    ``anthropic-ratelimit-*-reset``). Instants are compared with the response's own ``Date``, so that a clock that
    differs from the provider's does no harm; without one with ``now_s`` (Unix seconds), by default this machine's
    clock. Header names are lower-case.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000.0
    now = _now(headers, now_s)
    delay = _delay(headers.get("retry-after", ""), now)
    if delay is None:
        delay = _google_retry_info(body)
    if delay is None:
        delay = _window_resets(headers, now)
    return delay


def parse_duration(text: str) -> float | None:
    """Seconds of a duration such as ``6m0s``, ``20ms`` or ``1.5s``; None for anything else."""
    text = text.strip()
    if len(text) > 64 or _DURATION.fullmatch(text) is None:
        return None
    return math.fsum(float(number) * _UNIT_SECONDS[unit] for number, unit in _DURATION_STEP.findall(text))


def _now(headers: Mapping[str, str], now_s: float | None) -> float:
    said = _http_date(headers.get("date", ""))
    if said is not None:
        return said
    return time.time() if now_s is None else now_s


def _delay(text: str, now: float) -> float | None:
    """A plain number of seconds, a duration, or the distance to an instant (never negative)."""
    text = text.strip()
    if not text:
        return None
    seconds = _number(text)
    if seconds is not None and seconds >= _UNIX_INSTANT:
        return max(0.0, (seconds / 1000.0 if seconds >= 1000 * _UNIX_INSTANT else seconds) - now)
    if seconds is None:
        seconds = parse_duration(text)
    if seconds is not None:
        return seconds
    instant = _http_date(text)
    if instant is None:
        instant = _rfc3339(text)
    return None if instant is None else max(0.0, instant - now)


def _number(text: str) -> float | None:
    text = text.strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def _http_date(text: str) -> float | None:
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _rfc3339(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _window_resets(headers: Mapping[str, str], now: float) -> float | None:
    """The last reset among the windows that are used up; without any such, the first reset of all.

    A window that says how much remains and has something left is not what refused the call; asking again too
    early costs one more refusal, waiting for the wrong window could cost minutes.
    """
    used_up: list[float] = []
    others: list[float] = []
    for name, value in headers.items():
        match = _WINDOW_RESET.fullmatch(name)
        delay = _delay(value, now) if match else None
        if match is None or delay is None:
            continue
        remaining = f"{match['window']}{match['before'] or ''}-remaining{match['after'] or ''}"
        exhausted = _number(headers.get(remaining, "")) == 0
        (used_up if exhausted else others).append(delay)
    if used_up:
        return max(used_up)
    return min(others) if others else None


def _google_retry_info(body: bytes) -> float | None:
    """``retryDelay`` of a ``google.rpc.RetryInfo`` among the error's details."""
    if b"RetryInfo" not in body:
        return None
    try:
        decoded: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    if isinstance(decoded, list) and decoded:
        decoded = decoded[0]
    error = decoded.get("error") if isinstance(decoded, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith("google.rpc.RetryInfo"):
            return parse_duration(str(detail.get("retryDelay", "")))
    return None
