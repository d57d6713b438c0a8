"""Reads calls of an incident and of its reference, summed up by all dimensions at once. Bounded in calls.

One pass per stretch of time over the ledger's calls of the owner: sums by the combination of all dimensions, of which
every dimension and pair is a margin. Tags and end users, of which a call may have many or there may be very many, are
read by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from django.db import connection

from alerting.causes.call_figures import CallFigure, EventFigure
from alerting.engine.causes import Both, Cell, Measure, Sums
from contracts.tenant_scope import across_tenants
from events.traffic.histogram import added, percentiles_ms
from events.traffic.measures import PLATFORM, Kind, Measured
from events.traffic.parts import RulePart
from events.traffic.reading import Stretch, latencies, sums_by_part, totals

DAYS: Final = 7
LEAST_DAYS: Final = 3
DAY_S: Final = 86_400
QUARTER_S: Final = 900
LEAST_CALLS: Final = 50
"""Of a day's stretch, for it to be a reference."""
BEFORE_S: Final = 6 * 3600
"""How far back it goes where days do not."""
GAP_S: Final = 600
"""Left out before the incident: it may have begun earlier than its rule tells."""
PIECES: Final = 6
"""That the hours before are cut into, to see how much numbers of calls vary."""
MOST_CALLS: Final = 150_000
"""In all stretches together: two seconds of reading. What is further back is left out."""
SHORTEST_S: Final = 300
MOST_TENANTS: Final = 500
LEAST_OF_USER: Final = 20
DIMENSIONS: Final = ("route", "provider", "model", "team", "key")
_COLUMNS: Final = {"tenant": "tenant_id", "team": "team_id", "key": "key_id"}


class Times(msgspec.Struct, frozen=True):
    """When the incident was, and what it is held against."""

    now: Stretch
    before: list[Stretch]
    words: str

    @property
    def minutes_now(self) -> float:
        """Of the incident."""
        return (self.now.end_s - self.now.start_s) / 60

    @property
    def minutes_before(self) -> float:
        """Of the reference."""
        return sum(one.end_s - one.start_s for one in self.before) / 60


class Calls(msgspec.Struct, frozen=True):
    """What was read."""

    dimensions: tuple[str, ...]
    cells: list[Cell]
    alone: list[tuple[str, Mapping[str, Both]]]
    dispersion: float
    codes: list[tuple[str, float, float]] = []
    """Failures by code, a minute: before and now."""


def times_of(scope: str, start_s: int, end_s: int) -> Times | None:
    """The same time of the days before, else the hours before; None where there were hardly any calls."""
    now = _bounded(scope, Stretch(start_s, end_s))
    start_s, end_s = now
    days = [Stretch(start_s - day * DAY_S, end_s - day * DAY_S) for day in range(1, DAYS + 1)]
    counted = [one.calls.requests for one in totals(scope, [_snapped(one) for one in (now, *days)])]
    left, chosen = MOST_CALLS - counted[0], []
    for day, calls in zip(days, counted[1:], strict=True):
        if calls >= LEAST_CALLS and left >= calls:
            chosen.append(day)
            left -= calls
    if len(chosen) >= LEAST_DAYS:
        return Times(now, chosen, f"the same time of {len(chosen)} days before")
    return _hours_before(scope, now, MOST_CALLS - counted[0])


def _bounded(scope: str, stretch: Stretch) -> Stretch:
    """Its beginning, where it has more than half of the calls that are read."""
    (counted,) = totals(scope, [_snapped(stretch)])
    if counted.calls.requests <= MOST_CALLS // 2:
        return stretch
    length = (stretch.end_s - stretch.start_s) * MOST_CALLS // 2 // counted.calls.requests // 60 * 60
    return Stretch(stretch.start_s, stretch.start_s + max(SHORTEST_S, length))


def _snapped(stretch: Stretch) -> Stretch:
    """Out to full quarters of an hour, which are kept for longer than minutes."""
    return Stretch(stretch.start_s // QUARTER_S * QUARTER_S, -(-stretch.end_s // QUARTER_S) * QUARTER_S)


def by_quarters(times: Times) -> Times:
    """With a reference whose sums are kept."""
    return msgspec.structs.replace(times, before=[_snapped(one) for one in times.before])


def _hours_before(scope: str, now: Stretch, left: int) -> Times | None:
    end_s = now.start_s - GAP_S
    step = BEFORE_S // PIECES
    pieces = [Stretch(end_s - (number + 1) * step, end_s - number * step) for number in range(PIECES)]
    chosen = []
    total = 0
    for piece, one in zip(pieces, totals(scope, [_snapped(one) for one in pieces]), strict=True):
        total += one.calls.requests
        if total > left:
            break
        chosen.append(piece)
    if not chosen or total < LEAST_CALLS:
        return None
    return Times(now, chosen, f"the {len(chosen) * step // 3600} hours before")


def read_calls(scope: str, times: Times, figure: CallFigure, only: tuple[Kind, str]) -> Calls:
    """Sums of all calls of the owner, or of one route, model or key."""
    tenants = _tenants(scope, times)
    parameters: dict[str, Any] = {"tenants": tenants, "limit": _limit_us(scope, times, figure), "part": only[1]}
    where = f"{figure.calls} AND {_only(only[0])}"
    dimensions = ("tenant", *DIMENSIONS) if scope == PLATFORM else DIMENSIONS
    columns = [f"COALESCE(u.{_COLUMNS.get(name, name)}, '')" for name in dimensions]
    statement = _statement(figure, where, columns)
    cells: list[Cell] = []
    numbers: list[float] = []
    for stretch, is_now in [(times.now, True), *((one, False) for one in times.before)]:
        rows = _asked(statement, parameters, stretch)
        cells += [Cell(tuple(values), is_now, Sums(n, x, xx)) for *values, n, x, xx in rows]
        if not is_now:
            numbers.append(sum(row[-3] for row in rows) / (stretch.end_s - stretch.start_s) * 60)
    return Calls(
        dimensions,
        cells,
        []
        if scope == PLATFORM
        else [*_tags(times, figure, where, parameters), _users(times, figure, where, parameters)],
        dispersion_of(numbers, times.minutes_before / max(1, len(times.before))),
        _codes(times, parameters, _only(only[0])),
    )


def dispersion_of(numbers: Sequence[float], minutes: float) -> float:
    """How many times as much as Poisson's calls of stretches vary, from calls a minute of each; at least 1."""
    if len(numbers) < 2:
        return 1.0
    counts = [one * minutes for one in numbers]
    mean = sum(counts) / len(counts)
    if mean <= 0:
        return 1.0
    return max(1.0, sum((one - mean) ** 2 for one in counts) / (len(counts) - 1) / mean)


def read_events(scope: str, times: Times, figure: EventFigure) -> Calls:
    """Refusals by code with the calls that were none, or hits of rules; ``times`` are those of :func:`by_quarters`."""
    stretches = [times.now, *times.before]
    found: dict[str, Both] = {}
    for number, by_part in enumerate(sums_by_part(scope, figure.kind, stretches)):
        for part, sums in by_part.items():
            name = _event_name(figure, part)
            if name:
                _add(found, name, sums.requests, sums.requests, is_now=number == 0)
    if figure.kind is Kind.REFUSAL:
        for number, one in enumerate(totals(scope, stretches)):
            _add(found, "", one.calls.requests, 0, is_now=number == 0)
    cells = [
        Cell((name,), now, sums)
        for name, both in found.items()
        for now, sums in ((False, both.before), (True, both.now))
    ]
    return Calls((figure.dimension,), cells, [], 1.0)


def _event_name(figure: EventFigure, part: str) -> str:
    if figure.kind is not Kind.RULE:
        return part
    rule = RulePart.of(part)
    wanted = not rule.shadow and (not figure.prefix or rule.outcome == figure.prefix)
    return rule.rule_id if wanted else ""


def _add(found: dict[str, Both], name: str, n: float, x: float, *, is_now: bool) -> None:
    sums = Sums(n, x, x)
    found[name] = found.get(name, Both()) + (Both(now=sums) if is_now else Both(before=sums))


# --- the ledger ------------------------------------------------------------------------------------------


def _tenants(scope: str, times: Times) -> list[str]:
    """Named, so that the index by tenant and time serves also for all of them."""
    if scope != PLATFORM:
        return [scope]
    found: dict[str, int] = {}
    for by_part in sums_by_part(PLATFORM, Kind.TENANT, [_snapped(one) for one in (times.now, *times.before)]):
        for tenant, sums in by_part.items():
            found[tenant] = found.get(tenant, 0) + sums.requests
    return sorted(found, key=lambda tenant: -found[tenant])[:MOST_TENANTS]


def _only(kind: Kind) -> str:
    column = {Kind.ROUTE: "route", Kind.MODEL: "model", Kind.KEY: "key_id"}.get(kind)
    return "true" if column is None else f"u.{column} = %(part)s"


def _limit_us(scope: str, times: Times, figure: CallFigure) -> float | None:
    if figure.limit_us is not None or figure.percentile is None:
        return figure.limit_us
    measured = Measured.FIRST_TOKEN if figure.first_token else Measured.DURATION
    histogram = added(one[measured] for one in latencies(scope, [_snapped(one) for one in times.before]))
    (limit,) = percentiles_ms(histogram, [figure.percentile])
    return 0.0 if limit is None else limit * 1000


_SUMS: Final = "count(*)::float8, sum({x})::float8, sum(({x})::float8 * ({x})::float8)"
_OF_OWNER: Final = (
    "u.tenant_id = ANY(%(tenants)s) AND u.occurred_at >= to_timestamp(%(start)s)"
    " AND u.occurred_at < to_timestamp(%(end)s)"
)


def _statement(figure: CallFigure, where: str, columns: Sequence[str], joined: str = "", having: str = "") -> str:
    groups = ", ".join(str(number) for number in range(1, len(columns) + 1))
    return (
        f"SELECT {', '.join(columns)}, {_SUMS.format(x=figure.x)} FROM events_usage u {joined}"  # noqa: S608 - constants
        f" WHERE {_OF_OWNER} AND {where} GROUP BY {groups} {having}"
    )


def _asked(statement: str, parameters: Mapping[str, Any], stretch: Stretch) -> list[tuple[Any, ...]]:
    given = {**parameters, "start": stretch.start_s, "end": stretch.end_s}
    with connection.cursor() as cursor, across_tenants("an incident's owner is named; the platform's has all tenants"):
        cursor.execute(statement, given)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _both(times: Times, statement: str, parameters: Mapping[str, Any]) -> dict[tuple[str, ...], Both]:
    found: dict[tuple[str, ...], Both] = {}
    for stretch, is_now in [(times.now, True), *((one, False) for one in times.before)]:
        for *values, n, x, xx in _asked(statement, parameters, stretch):
            sums = Sums(n, x, xx)
            one = Both(now=sums) if is_now else Both(before=sums)
            found[tuple(values)] = found.get(tuple(values), Both()) + one
    return found


def _alone(
    times: Times, figure: CallFigure, where: str, parameters: Mapping[str, Any]
) -> list[tuple[str, Mapping[str, Both]]]:
    return [*_tags(times, figure, where, parameters), _users(times, figure, where, parameters)]


def _tags(
    times: Times, figure: CallFigure, where: str, parameters: Mapping[str, Any]
) -> Iterable[tuple[str, Mapping[str, Both]]]:
    joined = "CROSS JOIN LATERAL jsonb_each_text(u.tags) t (name, value)"
    statement = _statement(
        figure, f"u.tags IS NOT NULL AND {where}", ["t.name", "t.value"], joined, f"HAVING count(*) >= {LEAST_OF_USER}"
    )
    by_name: dict[str, dict[str, Both]] = {}
    for (name, value), both in _both(times, statement, parameters).items():
        by_name.setdefault(name, {})[value] = both
    return [(f"tag:{name}", values) for name, values in sorted(by_name.items())]


def _users(
    times: Times, figure: CallFigure, where: str, parameters: Mapping[str, Any]
) -> tuple[str, Mapping[str, Both]]:
    statement = _statement(
        figure, f"u.end_user IS NOT NULL AND {where}", ["u.end_user"], "", f"HAVING count(*) >= {LEAST_OF_USER}"
    )
    return "user", {value: both for (value,), both in _both(times, statement, parameters).items()}


def _codes(times: Times, parameters: Mapping[str, Any], only: str) -> list[tuple[str, float, float]]:
    count = CallFigure(Measure.TOTAL, "1")
    statement = _statement(count, f"u.status = 'failed' AND {only}", ["COALESCE(u.error_code, '')"])
    found = _both(times, statement, parameters)
    rows = [
        (code, both.before.n / times.minutes_before, both.now.n / times.minutes_now) for (code,), both in found.items()
    ]
    return sorted(rows, key=lambda row: -abs(row[2] - row[1]))[:8]


def moment(seconds: float) -> datetime:
    """As a time with a zone."""
    return datetime.fromtimestamp(seconds, UTC)
