"""What calls of a day came to, and sums over days. Pure; money is nano-USD."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

FAILED, BLOCKED, REGENERATED, HEDGED = "failed", "blocked", "regenerated", "hedged"
KINDS = (BLOCKED, FAILED, REGENERATED, HEDGED)
"""A call is of the first that it fits."""


class WasteSum(msgspec.Struct, frozen=True):
    """Calls of one kind over one route to one model."""

    kind: str
    route: str
    model: str
    calls: int
    nanousd: int
    unknown: int = 0
    """Calls without a price."""


class RepeatSum(msgspec.Struct, frozen=True):
    """Calls of a route that asked, word for word, what another of the same day had asked; the first ones left out."""

    route: str
    calls: int
    nanousd: int
    kept: int = 0
    """Of these, answered from a cache."""


class OutputSum(msgspec.Struct, frozen=True):
    """Answered calls of a route that said how much output they take at most."""

    route: str
    calls: int
    asked: int
    """Tokens, added up."""
    used: int
    p99: int
    """Of the output tokens of the day."""


class DayFigures(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one tenant's calls of a day, or of a stretch of it: then ``repeats`` and ``outputs`` are empty."""

    version: int = 1
    calls: int = 0
    nanousd: int = 0
    wastes: list[WasteSum] = []
    repeats: list[RepeatSum] = []
    outputs: list[OutputSum] = []
    told: int = 0
    """Calls of which it is known what they asked, by their digest."""
    retried: int = 0
    """Calls that took more than one attempt, and were answered."""


class Sum(msgspec.Struct):
    """Grows."""

    calls: int = 0
    nanousd: int = 0
    unknown: int = 0

    def add(self, one: WasteSum) -> None:
        """Also these."""
        self.calls += one.calls
        self.nanousd += one.nanousd
        self.unknown += one.unknown


def by_kind(wastes: Iterable[WasteSum]) -> dict[str, Sum]:
    """All kinds, also those with nothing."""
    found = {kind: Sum() for kind in KINDS}
    for one in wastes:
        found[one.kind].add(one)
    return found


def by_part(wastes: Iterable[tuple[str, WasteSum]]) -> dict[str, dict[str, Sum]]:
    """By part, and in it by kind."""
    found: dict[str, dict[str, Sum]] = {}
    for part, one in wastes:
        found.setdefault(part, {}).setdefault(one.kind, Sum()).add(one)
    return found


def together(parts: Iterable[DayFigures]) -> DayFigures:
    """Of all parts of a stretch: counts and money of them added up."""
    calls = nanousd = told = retried = 0
    sums: dict[tuple[str, str, str], Sum] = {}
    for part in parts:
        calls, nanousd = calls + part.calls, nanousd + part.nanousd
        told, retried = told + part.told, retried + part.retried
        for one in part.wastes:
            sums.setdefault((one.kind, one.route, one.model), Sum()).add(one)
    wastes = [WasteSum(*key, one.calls, one.nanousd, one.unknown) for key, one in sorted(sums.items())]
    return DayFigures(calls=calls, nanousd=nanousd, wastes=wastes, told=told, retried=retried)


def repeats_of(days: Iterable[DayFigures]) -> list[RepeatSum]:
    """Of all days, the route with most money first."""
    found: dict[str, RepeatSum] = {}
    for day in days:
        for one in day.repeats:
            had = found.get(one.route, RepeatSum(one.route, 0, 0))
            found[one.route] = RepeatSum(
                one.route, had.calls + one.calls, had.nanousd + one.nanousd, had.kept + one.kept
            )
    return sorted(found.values(), key=lambda one: (-one.nanousd, one.route))


def outputs_of(days: Iterable[DayFigures]) -> list[OutputSum]:
    """Of all days; the percentile is the largest of any day, so rather too high."""
    found: dict[str, OutputSum] = {}
    for day in days:
        for one in day.outputs:
            had = found.get(one.route, OutputSum(one.route, 0, 0, 0, 0))
            found[one.route] = OutputSum(
                one.route, had.calls + one.calls, had.asked + one.asked, had.used + one.used, max(had.p99, one.p99)
            )
    return sorted(found.values(), key=lambda one: (-(one.asked - one.used), one.route))


def in_30_days(nanousd: int, days: float) -> int:
    """What so much in so many days comes to in 30."""
    return round(nanousd * 30 / days) if days > 0 else 0


def added(days: Sequence[DayFigures]) -> tuple[int, int]:
    """Calls and money of all."""
    return sum(day.calls for day in days), sum(day.nanousd for day in days)
