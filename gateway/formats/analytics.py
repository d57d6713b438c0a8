"""The query string of the analytics endpoints. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import msgspec

from contracts.budgets import BudgetWindow, period_at
from contracts.errors import InvalidRequest, PermissionDenied
from contracts.specs import TenantSpec
from contracts.usage import TagFilter, UsageDimension, UsageQuery

DEFAULT_LIMIT: Final = 1_000
MAX_LIMIT: Final = 1_000
"""Rows of a page: more take PostgreSQL longer than callers like to wait for one; the next page is a cursor away."""
MAX_MODELS: Final = 1_000
MAX_VALUE_LENGTH: Final = 1_024
FORMATS: Final = ("json", "csv")
PRICES: Final = ("then", "now")
_FIRST_YEAR, _LAST_YEAR = 1970, 9998
_QUARTER_MS: Final = 900_000

FILTERS: Final = {
    "user_id": UsageDimension.USER,
    "team_id": UsageDimension.TEAM,
    "key_id": UsageDimension.KEY,
    "model": UsageDimension.MODEL,
    "provider": UsageDimension.PROVIDER,
    "route": UsageDimension.ROUTE,
}
_SUMS: Final = frozenset(
    {*FILTERS, "tenant_id", "tag", "period", "start_date", "end_date", "group_by", "format", "limit", "cursor"}
)
_SIGNALS: Final = frozenset({"tenant_id", "period", "start_date", "end_date", "group_by"})
_WHAT_IF: Final = frozenset({*FILTERS, "tenant_id", "tag", "start_date", "end_date", "prices"})
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


class Asked(msgspec.Struct, frozen=True):
    """A question, and the form in which to answer."""

    query: UsageQuery
    csv: bool = False


def asked_for_sums(query_string: str, tenant: TenantSpec, *, accept: str, now_ms: int) -> Asked:
    """The question of ``GET /v1/analytics/usage`` and ``/costs``.

    Raises:
        InvalidRequest: a parameter is unknown, repeated or malformed; ``param`` names it.
        PermissionDenied: it asks for another tenant.
    """
    given = _parameters(query_string, _SUMS)
    _check_tenant(given, tenant)
    window = _window(given)
    start_ms, end_ms = _stretch(given, tenant.time_zone, now_ms, forever=window is BudgetWindow.TOTAL)
    group_by, group_by_tag = _groups(given)
    query = UsageQuery(
        tenant_id=tenant.id,
        time_zone=tenant.time_zone,
        start_ms=start_ms,
        end_ms=end_ms,
        window=window,
        group_by=group_by,
        group_by_tag=group_by_tag,
        filters=_filters(given),
        tag=_tag(given),
        limit=_limit(given),
        after=given.get("cursor"),
    )
    return Asked(query, csv=_wants_csv(given, accept))


class AskedSignals(msgspec.Struct, frozen=True):
    """A question about what is counted beside the ledger."""

    tenant_id: str
    time_zone: str
    start_ms: int
    end_ms: int
    window: BudgetWindow
    group_by: tuple[str, ...]
    filters: tuple[tuple[str, str], ...]
    """Names of the rows' fields, and what they have to be."""


def asked_for_signals(
    query_string: str, tenant: TenantSpec, *, groups: Collection[str], filters: Collection[str], now_ms: int
) -> AskedSignals:
    """The question of ``GET /v1/analytics/guardrails`` and ``/cache``, which differ in groups and filters.

    Raises:
        InvalidRequest: a parameter is unknown, repeated or malformed; ``param`` names it.
        PermissionDenied: it asks for another tenant.
    """
    given = _parameters(query_string, _SIGNALS | frozenset(filters))
    _check_tenant(given, tenant)
    window = _window(given)
    start_ms, end_ms = _stretch(given, tenant.time_zone, now_ms, forever=window is BudgetWindow.TOTAL)
    named = tuple(given["group_by"].split(",")) if "group_by" in given else ()
    if len(set(named)) != len(named) or not set(named) <= set(groups):
        raise InvalidRequest(f"'group_by' is a comma-separated list of {', '.join(groups)}.", param="group_by")
    kept = tuple((name, given[name]) for name in filters if name in given)
    return AskedSignals(tenant.id, tenant.time_zone, start_ms, end_ms, window, named, kept)


class AskedWhatIf(msgspec.Struct, frozen=True):
    """The other model's name, and the calls."""

    model: str
    query: UsageQuery
    prices_then: bool
    """Whether each call is to be priced as of when it ended, and not as of now."""


def asked_for_what_if(query_string: str, tenant: TenantSpec, *, now_ms: int) -> AskedWhatIf:
    """The question of ``GET /v1/analytics/what-if``: about last month unless dates are given.

    Raises:
        InvalidRequest: a parameter is missing, unknown, repeated or malformed; ``param`` names it.
        PermissionDenied: it asks for another tenant.
    """
    given = _parameters(query_string, _WHAT_IF)
    _check_tenant(given, tenant)
    model = given.pop("model", "")
    if not model:
        raise InvalidRequest("Say with 'model' what the calls might have gone to.", param="model")
    prices = given.pop("prices", PRICES[0])
    if prices not in PRICES:
        raise InvalidRequest("'prices' is then or now.", param="prices")
    if "start_date" in given:
        start_ms, end_ms = _stretch(given, tenant.time_zone, now_ms, forever=False)
    elif "end_date" in given:
        raise InvalidRequest("Give 'start_date' as well, or neither for last month.", param="start_date")
    else:
        this_month = period_at(BudgetWindow.MONTH, tenant.time_zone, now_ms)
        last_month = period_at(BudgetWindow.MONTH, tenant.time_zone, this_month.start_ms - 1)
        start_ms, end_ms = _floor(last_month.start_ms), _floor(last_month.end_ms)
    query = UsageQuery(
        tenant_id=tenant.id,
        time_zone=tenant.time_zone,
        start_ms=start_ms,
        end_ms=end_ms,
        filters=_filters(given),
        tag=_tag(given),
        limit=MAX_MODELS,
    )
    return AskedWhatIf(model, query, prices_then=prices == "then")


def _parameters(query_string: str, known: frozenset[str]) -> dict[str, str]:
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=64)
    except ValueError as error:
        raise InvalidRequest("The query string is not readable as UTF-8 parameters, at most 64.") from error
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise InvalidRequest(f"There is no parameter '{name[:64]}'. Known: {', '.join(sorted(known))}.", param=name)
        if name in given:
            raise InvalidRequest(f"'{name}' is given twice.", param=name)
        if not value or len(value) > MAX_VALUE_LENGTH or "\x00" in value:
            raise InvalidRequest(f"'{name}' needs 1 to {MAX_VALUE_LENGTH} characters, none of them NUL.", param=name)
        given[name] = value
    return given


def _check_tenant(given: Mapping[str, str], tenant: TenantSpec) -> None:
    if given.get("tenant_id", tenant.id) != tenant.id:
        raise PermissionDenied("This API key belongs to another tenant than 'tenant_id' names.", param="tenant_id")


def _window(given: Mapping[str, str]) -> BudgetWindow:
    try:
        return BudgetWindow(given.get("period", BudgetWindow.DAY.value))
    except ValueError:
        windows = ", ".join(window.value for window in BudgetWindow)
        raise InvalidRequest(f"'period' is one of {windows}.", param="period") from None


def _stretch(given: Mapping[str, str], time_zone: str, now_ms: int, *, forever: bool) -> tuple[int, int]:
    """From and until, Unix ms on full quarters of an hour."""
    zone = ZoneInfo(time_zone)
    if "start_date" in given:
        start_ms = _instant("start_date", given["start_date"], zone, end=False)
    else:
        start_ms = 0 if forever else period_at(BudgetWindow.MONTH, time_zone, now_ms).start_ms
    end_ms = _instant("end_date", given["end_date"], zone, end=True) if "end_date" in given else now_ms
    start_ms, end_ms = _floor(start_ms), -_floor(-end_ms)
    if end_ms <= start_ms:
        raise InvalidRequest("'end_date' lies before 'start_date'.", param="end_date")
    return start_ms, end_ms


def _floor(instant_ms: int) -> int:
    return instant_ms - instant_ms % _QUARTER_MS


def _instant(name: str, text: str, zone: ZoneInfo, *, end: bool) -> int:
    """A date means the whole day: its beginning as a start, the next day's as an end."""
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text) + timedelta(days=1 if end else 0)
            moment = datetime.combine(day, time(), zone)
        else:
            # A "+" that was not written as %2B arrives as a blank.
            moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
        if not _FIRST_YEAR < moment.year <= _LAST_YEAR:
            raise ValueError
        return int(moment.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"'{name}' is a date such as 2026-11-21 or a date and time such as 2026-11-21T08:00:00Z"
            f" (without offset: in {zone.key}), after {_FIRST_YEAR}.",
            param=name,
        ) from None


def _groups(given: Mapping[str, str]) -> tuple[tuple[UsageDimension, ...], str | None]:
    dimensions: list[UsageDimension] = []
    tag: str | None = None
    for name in given.get("group_by", "").split(",") if "group_by" in given else ():
        if name.startswith("tag:") and len(name) > len("tag:"):
            if tag is not None:
                raise InvalidRequest("'group_by' takes one tag.", param="group_by")
            tag = name.removeprefix("tag:")
            continue
        try:
            dimension = UsageDimension(name)
        except ValueError:
            known = ", ".join(each.value for each in UsageDimension)
            raise InvalidRequest(
                f"'group_by' is a comma-separated list of {known}, tag:NAME.", param="group_by"
            ) from None
        if dimension in dimensions:
            raise InvalidRequest(f"'group_by' names '{name}' twice.", param="group_by")
        dimensions.append(dimension)
    return tuple(dimensions), tag


def _filters(given: Mapping[str, str]) -> tuple[tuple[UsageDimension, str], ...]:
    return tuple((dimension, given[name]) for name, dimension in FILTERS.items() if name in given)


def _tag(given: Mapping[str, str]) -> TagFilter | None:
    if "tag" not in given:
        return None
    name, colon, value = given["tag"].partition(":")
    if not name:
        raise InvalidRequest("'tag' is NAME:VALUE, or NAME for any value.", param="tag")
    return TagFilter(name, value if colon else None)


def _limit(given: Mapping[str, str]) -> int:
    text = given.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MAX_LIMIT):
        raise InvalidRequest(f"'limit' is a number from 1 to {MAX_LIMIT}.", param="limit")
    return int(text)


def _wants_csv(given: Mapping[str, str], accept: str) -> bool:
    form = given.get("format")
    if form is not None and form not in FORMATS:
        raise InvalidRequest("'format' is json or csv.", param="format")
    return form == "csv" if form is not None else "text/csv" in accept.lower()
