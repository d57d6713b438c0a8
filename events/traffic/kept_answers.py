"""How often kept answers served, and what that saved, as pages and the API ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from events.traffic.measures import Kind
from events.traffic.parts import SHADOW_BELOW, SHADOW_RIGHT, SHADOW_WRONG, SHADOWED, CachePart
from events.traffic.reading import Axis, Stretch, Sums, course, sums_by_part

NOT_LOOKED_UP: Final = ("by_request", "sampled")
"""Reasons for which a call of a route that keeps answers was not looked up; they say nothing about the cache."""


class CacheFigures(msgspec.Struct, frozen=True):
    """Of calls over routes that keep answers; money in nano-USD."""

    exact: int = 0
    """Answered with what an equal call got."""
    semantic: int = 0
    """Answered with what a call that means the same got."""
    missed: int = 0
    """Looked up and not found."""
    bypassed: int = 0
    """Not looked up, because the caller or the route said so."""
    saved_nanousd: int = 0
    """What the answers cost when they were made, less what the hits cost."""
    saved_unknown: int = 0
    """Hits of which nobody knows what they saved."""

    @classmethod
    def added(cls, figures: Iterable[CacheFigures]) -> CacheFigures:
        """All of them together."""
        each = list(figures)
        return cls(*(sum(getattr(one, name) for one in each) for name in cls.__struct_fields__))

    @property
    def hits(self) -> int:
        """Of either kind."""
        return self.exact + self.semantic

    @property
    def lookups(self) -> int:
        """Hits and misses."""
        return self.hits + self.missed

    @property
    def hit_ratio(self) -> float | None:
        """A share of 1 of the lookups; None without any."""
        return self.hits / self.lookups if self.lookups else None


class ShadowFigures(msgspec.Struct, frozen=True):
    """Of kept answers to questions in other words that were found and not given; money in nano-USD."""

    right: int = 0
    """Would have been given, and agree with the provider's."""
    wrong: int = 0
    """Would have been given, and do not."""
    below: int = 0
    """Were not sure enough to be given."""
    saved_nanousd: int = 0
    """What giving the right ones would have saved."""

    @property
    def hits(self) -> int:
        """Would have been given."""
        return self.right + self.wrong

    @property
    def wrong_ratio(self) -> float | None:
        """A share of 1 of those that would have been given; None without any."""
        return self.wrong / self.hits if self.hits else None


def shadow_figures(scope: str, stretch: Stretch, route: str) -> ShadowFigures:
    """Of one route."""
    [found] = sums_by_part(scope, Kind.CACHE, [stretch])

    def of(outcome: str) -> Sums:
        return found.get(str(CachePart(outcome, route)), Sums())

    right = of(SHADOW_RIGHT)
    return ShadowFigures(right.requests, of(SHADOW_WRONG).requests, of(SHADOW_BELOW).requests, right.cost_nanousd)


def cache_figures(scope: str, stretches: Sequence[Stretch]) -> list[CacheFigures]:
    """Of each stretch, all routes together."""
    found = sums_by_part(scope, Kind.CACHE, stretches)
    return [_figures((CachePart.of(part), sums) for part, sums in one.items()) for one in found]


def cache_by_route(scope: str, stretches: Sequence[Stretch]) -> list[dict[str, CacheFigures]]:
    """Of each stretch and route."""
    return [_by_route(one) for one in sums_by_part(scope, Kind.CACHE, stretches)]


def cache_course(scope: str, over: Axis, route: str = "") -> list[CacheFigures]:
    """Of every step, of one route or of all."""
    steps: list[list[tuple[CachePart, Sums]]] = [[] for _ in over.points]
    for text, sums in course(scope, (Kind.CACHE,), over)[Kind.CACHE].items():
        part = CachePart.of(text)
        if not route or part.route == route:
            for place, step in enumerate(sums):
                steps[place].append((part, step))
    return [_figures(step) for step in steps]


def _by_route(found: dict[str, Sums]) -> dict[str, CacheFigures]:
    routes: dict[str, list[tuple[CachePart, Sums]]] = {}
    for text, sums in found.items():
        part = CachePart.of(text)
        routes.setdefault(part.route, []).append((part, sums))
    return {route: _figures(parts) for route, parts in routes.items()}


def _figures(parts: Iterable[tuple[CachePart, Sums]]) -> CacheFigures:
    counts = {"exact": 0, "semantic": 0, "missed": 0, "bypassed": 0}
    saved = unknown = 0
    for part, sums in parts:
        if part.outcome in SHADOWED:
            continue
        name = part.outcome if part.is_hit else "bypassed" if part.outcome in NOT_LOOKED_UP else "missed"
        counts[name] += sums.requests
        saved += sums.cost_nanousd
        unknown += sums.price_unknown
    return CacheFigures(**counts, saved_nanousd=saved, saved_unknown=unknown)
