"""Keeps what calls came to, and what tenants could save: what the clock does for pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from events.ledger.grains import Grain
from events.ledger.reading import one_snapshot
from insights.advice import recommendations
from insights.counting import AGAIN, counted
from insights.days import DAY, joined, last_30_days
from insights.impact import cost_impact
from insights.kept import GRAINS, QUARTER, calls_of_quarters, ceil, floor, keep, stretches
from insights.models import KeptSavings
from insights.services import count_open_advice
from tenants.models import Tenant

BACK_DAYS: Final = 93
"""As far as pages and the API look back."""
SETTLED: Final = timedelta(minutes=15)
"""After the end of a quarter of an hour: whether its last answers were asked for again is known, and most events of
the quarter that tells it have arrived."""
OLD: Final = timedelta(minutes=55)
"""When a tenant's savings are worked out again."""
WITHIN_S: Final = 240.0
"""A run ends by then, and the next one goes on."""

assert SETTLED >= AGAIN


class Due(NamedTuple):
    """What is to be counted and kept at once: a UTC day that is over, or hours of one that is not."""

    start: datetime
    end: datetime
    tenant: Tenant

    @property
    def grains(self) -> tuple[Grain, ...]:
        """Of a day that is over also the day."""
        return GRAINS if self.end - self.start == DAY else GRAINS[1:]


def keep_calls(
    *, now: datetime | None = None, within_s: float = WITHIN_S, clock: Callable[[], float] = time.monotonic
) -> int:
    """Count and keep what the ledger has and no row holds, the youngest first; how many stretches were kept.

    Done twice it does nothing. What is not done within the time is left for the next run.
    """
    until = clock() + within_s
    done = 0
    due = [one for tenant in _tenants() for one in _due(tenant, now or timezone.now())]
    for one in sorted(due, key=lambda each: each.start, reverse=True):
        if clock() >= until:
            break
        keep_stretch(one)
        done += 1
    return done


def keep_calls_of(*, tenant: Tenant, now: datetime | None = None) -> None:
    """Everything that one tenant's rows lack."""
    for due in list(_due(tenant, now or timezone.now())):
        keep_stretch(due)


def keep_stretch(due: Due) -> None:
    """Count it, and keep the sums."""
    with one_snapshot():
        calls = calls_of_quarters(due.tenant, due.start, due.end)
        found = counted(due.tenant, due.start, due.end, asked=Grain.DAY in due.grains)
    with transaction.atomic():
        keep(due.tenant, due.grains, due.start, due.end, found, calls)


def _due(tenant: Tenant, now: datetime) -> Iterator[Due]:
    """Days that are over and not kept, and what is new of the one that is not."""
    until = floor(now - SETTLED, Grain.QUARTER)
    midnight = floor(until, Grain.DAY)
    for one in stretches(tenant, Grain.DAY, [midnight - DAY * back for back in range(BACK_DAYS, 0, -1)]):
        if one.figures is None:
            yield Due(one.start, one.start + DAY, tenant)
    quarters = [midnight + QUARTER * place for place in range((until - midnight) // QUARTER)]
    for span in joined((Grain.QUARTER, one) for one in stretches(tenant, Grain.QUARTER, quarters)):
        # Whole hours, so that there are rows of them; the last one as far as it goes.
        yield Due(floor(span.start, Grain.HOUR), min(ceil(span.end, Grain.HOUR), until), tenant)


def _tenants() -> list[Tenant]:
    with across_tenants("calls of all tenants are kept in one go"):
        return list(Tenant.objects.filter(active=True).order_by("pk"))


# --- savings ---------------------------------------------------------------------------------------------


def keep_savings(
    *, now: datetime | None = None, within_s: float = WITHIN_S, clock: Callable[[], float] = time.monotonic
) -> int:
    """Work out the last 30 days of tenants where that was not done lately, the oldest first; of how many."""
    now, until = now or timezone.now(), clock() + within_s
    done = 0
    with across_tenants("savings of all tenants are kept in one go"):
        rows = Tenant.objects.filter(active=True).order_by("kept_savings__computed_at", "pk")
        due = list(rows.filter(Q(kept_savings=None) | Q(kept_savings__computed_at__lt=now - OLD)))
    for tenant in due:
        if clock() >= until:
            break
        keep_savings_of(tenant=tenant, now=now)
        done += 1
    return done


def keep_savings_of(*, tenant: Tenant, now: datetime | None = None) -> None:
    """Work out one tenant's, and keep them."""
    now = now or timezone.now()
    period = last_30_days(tenant, now)
    impact = cost_impact(tenant, period)
    advice = recommendations(tenant, period, also_decided=True)
    wasted = {one.kind: one.nanousd for one in impact.wastes}
    fields = {
        "calls": impact.calls,
        "spent_nanousd": impact.spent_nanousd,
        "wasted_nanousd": impact.wasted_nanousd,
        **{f"{kind}_nanousd": nanousd for kind, nanousd in wasted.items()},
        "advice": [{"key": one.key, "title": one.title, "saving_nanousd": one.saving_nanousd} for one in advice],
        "computed_at": now,
    }
    with transaction.atomic():
        KeptSavings.objects.for_tenant(tenant).update_or_create(tenant=tenant, defaults=fields)
        count_open_advice(tenant=tenant)
