"""The whole demo in order: rows, a plan of calls, budgets that fit it, and the events of all that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from controlplane.demo.alerts import build_alerts
from controlplane.demo.calls import change_told
from controlplane.demo.cast import CAST, TenantPlan
from controlplane.demo.configuration import OPERATOR, Configuration, Made
from controlplane.demo.documents import asked_of, build_handbook
from controlplane.demo.drift import build_monitor, look_back
from controlplane.demo.evaluations import build_evaluations
from controlplane.demo.extra_keys import add_keys
from controlplane.demo.incidents import Incidents
from controlplane.demo.insights import build_insights, explain_incidents, keep_figures
from controlplane.demo.live_scores import build_live, score_past
from controlplane.demo.money import Money
from controlplane.demo.past import Past, Told
from controlplane.demo.policies import Policies
from controlplane.demo.removal import note_made
from controlplane.demo.reports import build_schedules, make_reports
from controlplane.demo.screening import Screening
from controlplane.demo.traffic import PlannedCall, Traffic
from controlplane.demo.writing import Encoder, Progress, write
from events.collector.database import conninfo
from guardrails.dry_runs import work_off
from guardrails.models import DryRun
from tenants.actor import acting_as
from tenants.models import Tenant, User
from tenants.services import touch_keys


class DemoRefused(Exception):
    """The demo would get in the way of what is there; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is to be: ``calls`` over ``days`` until ``until``, and ``keys`` further ones without calls."""

    until: datetime
    days: float = 7
    calls: int = 90_000
    keys: int = 0
    seed: int = 42
    cast: Sequence[TenantPlan] = CAST

    @property
    def start(self) -> datetime:
        """When traffic begins."""
        return self.until - timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Story:
    """What was made."""

    made: Made
    calls: int
    events: int


def tell(size: Size, progress: Progress = lambda _: None) -> Story:
    """Make everything. Rows are one transaction; what happened is written after it, by the collector's store.

    Raises:
        DemoRefused: a tenant or user of the same name is there already.
    """
    past = Past()
    with across_tenants("the demo makes several tenants"):
        _refuse_to_collide(size.cast)
        with past.installed(), transaction.atomic():
            made, planned, crossed, dry_runs = _plan(size, past)
            monitor = build_monitor(made, past, size.until)
            live = build_live(made, past, size.until)
            schedules = build_schedules(made, past, size.until)
            build_alerts(made, past, Incidents.between(size.start, size.until, size.calls), size.until)
            build_insights(made, past, Incidents.between(size.start, size.until, size.calls), size.until)
    told: list[Told] = [*past.told, *crossed]
    encoder = Encoder(Random(f"{size.seed} ids"), service_name=settings.SERVICE_NAME)
    events = write(conninfo(), encoder, sorted(told, key=lambda each: each[2]), planned, progress)
    incidents = Incidents.between(size.start, size.until, size.calls)
    if live is not None:
        with across_tenants("the demo scores calls of its tenant"):
            scored = score_past(live, incidents, Random(f"{size.seed} scores"))
        events += write(conninfo(), encoder, scored, [], progress)
    with past.installed(), past.at(size.until, "demo"):
        for row in dry_runs:
            work_off(row.pk)
        if monitor is not None:
            look_back(monitor, incidents, size.until)
        explain_incidents(made)
    with past.installed():
        make_reports(schedules, past, size.until)
        handbook = build_handbook(made, past, size.until)
    if handbook is not None:
        events += write(conninfo(), encoder, asked_of(*handbook, encoder, size.until), [], progress)
    keep_figures(made)
    return Story(made, len(planned), events)


def _plan(size: Size, past: Past) -> tuple[Made, list[PlannedCall], list[Told], list[DryRun]]:
    made = Configuration(past, until=size.until, days=size.days).build(size.cast)
    policies = Policies(past, begin=size.start - timedelta(days=20), until=size.until)
    policies.build(made, OPERATOR)
    made.policies = [str(row.pk) for row in policies.made if row.tenant_id is None]
    incidents = Incidents.between(size.start, size.until, size.calls)
    traffic = Traffic(Random(f"{size.seed} calls"), incidents, start=size.start, until=size.until)
    planned = traffic.plan(made.tenants, size.calls)
    Screening().look_at(planned)
    rng = Random(f"{size.seed} money")
    money = Money(past, rng, start=size.start, until=size.until, reroute=traffic.reroute_to)
    money.limit_rates(planned)
    crossed = [change_told(change) for change in traffic.breakers.changes]
    for tenant in made.tenants:
        crossed += money.apply(tenant, [call for call in planned if call.tenant is tenant])
    last_use = {call.key_id: call.at_ms for call in planned}
    touch_keys(used_at={UUID(key): datetime.fromtimestamp(at / 1000, UTC) for key, at in last_use.items()})
    if size.keys:
        add_keys(past, made.tenants, size.keys, Random(f"{size.seed} keys"), since=size.start, until=size.until)
    dry_runs = policies.work_on(made)
    build_evaluations(made, past, size.until)
    with acting_as("demo"):
        note_made(made.ids(), until=size.until.isoformat(), days=size.days, calls=len(planned), seed=size.seed)
    return made, planned, crossed, dry_runs


def _refuse_to_collide(cast: Sequence[TenantPlan]) -> None:
    slugs = [plan.slug for plan in cast]
    taken = list(Tenant.objects.filter(slug__in=slugs).values_list("slug", flat=True))
    people = [name.lower().replace(" ", ".") for plan in cast for name, _ in plan.people]
    taken += User.objects.filter(username__in=people).values_list("username", flat=True)
    if taken:
        raise DemoRefused(f"There is already: {', '.join(sorted(taken))}. The demo would have to change what is yours.")


def now_to_the_minute() -> datetime:
    """The end of a story that nobody gave one."""
    return timezone.now().replace(second=0, microsecond=0)
