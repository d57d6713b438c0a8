"""What calls wasted and what could be saved: the answers of :mod:`insights.selectors`. Money is nano-USD."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec


class Period(NamedTuple):
    """From ``start`` up to, not including, ``end``; both aware."""

    start: datetime
    end: datetime

    @property
    def days(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds() / 86_400


class Waste(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of calls cost that gave nobody anything."""

    kind: str
    """``failed`` | ``blocked`` | ``regenerated`` | ``hedged``."""
    title: str
    calls: int
    nanousd: int
    price_unknown: int = 0
    """Calls that are missing from the money."""
    estimated: bool = False
    """Not what was billed, but what it comes to by :attr:`how`."""
    how: str


class WastePart(msgspec.Struct, frozen=True, kw_only=True):
    """The same of one day, route or model, by kind."""

    part: str
    """ISO date in the tenant's zone, or a name; empty where calls had none."""
    calls: int
    nanousd: int
    by_kind: dict[str, int]
    """Kind → nano-USD; those with nothing are left out."""


class BusinessCost(msgspec.Struct, frozen=True, kw_only=True):
    """What one of the tenant's rules comes to."""

    rule_id: str
    name: str
    quantity: float
    """Calls, or minutes of incidents."""
    unit: str
    """``calls`` | ``minutes``."""
    nanousd: int
    how: str


class CostImpact(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, in money; a call counts once, as the first of blocked, failed, regenerated and hedged."""

    start: datetime
    end: datetime
    calls: int
    spent_nanousd: int
    wasted_nanousd: int
    """All kinds together, estimates included."""
    wastes: list[Waste]
    by_day: list[WastePart]
    by_route: list[WastePart]
    by_model: list[WastePart]
    business_nanousd: int
    business: list[BusinessCost]
    notes: list[str]
    """What these figures cannot tell."""


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """Something that would save money or capacity."""

    key: str
    """Stays the same for the same advice: kind and what it is about."""
    kind: str
    """``cheaper_model`` | ``cache_route`` | ``max_tokens`` | ``prompt_caching`` | ``unused_key``."""
    title: str
    text: str
    saving_nanousd: int | None
    """In 30 days; None: it saves no money."""
    how: str
    """How the saving was worked out, with its figures."""
    confidence: str
    """``high`` | ``medium`` | ``low``."""
    caveat: str = ""
    page: str = ""
    """URL name of where to do it, below a workspace."""
    page_arguments: dict[str, str] = {}
    state: str = "open"
    """``open`` | ``dismissed`` | ``snoozed``."""
    until: datetime | None = None
    """When it comes back, if snoozed."""
