"""What a section is given to read by, and what one is: a file beside this one that defines ``KIND``."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from events.traffic.measures import PLATFORM
from events.traffic.reading import Stretch
from reports.engine.content import Section

if TYPE_CHECKING:
    from evaluation.models import EvalRun
    from tenants.models import Tenant

DAYS: Final = {"daily": 1, "weekly": 7, "monthly": 28}
"""How many days a report of each kind is about."""


@dataclass(frozen=True)
class Asked:
    """Whose figures of which time; read by one task, at one moment."""

    tenant: Tenant | None
    kind: str
    start: dt.datetime
    end: dt.datetime
    run: EvalRun | None = None
    """Of a report about one run."""
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    @property
    def tenant_id(self) -> uuid.UUID | None:
        """None for the platform."""
        return None if self.tenant is None else self.tenant.pk

    @property
    def scope(self) -> str:
        """In the tables of traffic."""
        return PLATFORM if self.tenant is None else str(self.tenant.pk)

    @property
    def before(self) -> dt.datetime:
        """When the stretch before begins: as many days earlier, by the clock on the wall."""
        return local(self.start, self.zone, -self.days)

    @property
    def days(self) -> int:
        """How many it is about."""
        return DAYS.get(self.kind, 1)

    @cached_property
    def stretches(self) -> tuple[Stretch, Stretch]:
        """Its own and the one before, in Unix seconds."""
        start, end, before = (int(one.timestamp()) for one in (self.start, self.end, self.before))
        return Stretch(start, end), Stretch(before, start)

    @cached_property
    def steps(self) -> tuple[list[Stretch], list[Stretch]]:
        """The same in steps that are compared with each other: hours of a day, days of longer."""
        if self.days == 1:
            return _hours(self.start), _hours(self.before)
        return _days(self.start, self.days, self.zone), _days(self.before, self.days, self.zone)

    @property
    def step_word(self) -> str:
        """What a step is called."""
        return "hour" if self.days == 1 else "day"


@dataclass(frozen=True)
class Kind:
    """A subject that reports may have a section about."""

    key: str
    title: str
    about: str
    read: Callable[[Asked], Section | None]
    """None: there is nothing to say of it."""
    permission: str = ""


def local(moment: dt.datetime, zone: ZoneInfo, days: int) -> dt.datetime:
    """So many days later at the same time of day."""
    at = moment.astimezone(zone)
    day = at.date() + dt.timedelta(days=days)
    return dt.datetime.combine(day, at.time(), zone).astimezone(dt.UTC)


def _days(start: dt.datetime, count: int, zone: ZoneInfo) -> list[Stretch]:
    edges = [int(local(start, zone, place).timestamp()) for place in range(count + 1)]
    return [Stretch(first, last) for first, last in pairwise(edges)]


def _hours(start: dt.datetime) -> list[Stretch]:
    first = int(start.timestamp())
    return [Stretch(first + 3600 * at, first + 3600 * (at + 1)) for at in range(24)]
