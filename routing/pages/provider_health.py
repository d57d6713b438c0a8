"""How providers are: what the gateways' workers say of their targets now, beside what the last hour's attempts say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from routing.admin_health import CLOSED, HALF_OPEN, OPEN, UNKNOWN, breaker_states
from routing.models import Provider
from routing.pages.kinds import Kind, kind_of
from routing.pages.provider_activity import Activity, activity, spent_today, targets_by_provider
from routing.worker_pulses import Pulses, worker_pulses
from tenants.models import Tenant
from tenants.workspaces import Workspace

ENOUGH_CALLS: Final = 10
"""Fewer attempts are no rate."""
DEGRADED_RATE: Final = 0.1
FAILING_RATE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Health:
    """One word for a provider, and why."""

    key: str
    """``ok``, ``idle``, ``degraded``, ``open``, ``draining``, ``off`` or ``unknown``."""
    text: str
    tone: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class TargetOfWorker:
    """One target as one worker sees it. Latencies in ms."""

    worker_id: str
    host: str
    pid: int
    state: str
    retry_after_s: float
    in_flight: int
    waiting: int
    p50_ms: float | None
    p95_ms: float | None

    @property
    def words(self) -> str:
        """The circuit's state as people say it."""
        if self.state == OPEN:
            return f"Open, {self.retry_after_s:.0f} s left" if self.retry_after_s else "Open, next call probes"
        return "Probing" if self.state == HALF_OPEN else "Closed"

    @property
    def tone(self) -> str:
        """Of the dot."""
        return {OPEN: "bad", HALF_OPEN: "warn"}.get(self.state, "good")


@dataclass(slots=True)
class TargetNow:
    """One target over all workers."""

    target_id: str
    state: str
    workers: list[TargetOfWorker] = field(default_factory=list)

    @property
    def p50_ms(self) -> float | None:
        """The slowest worker's median."""
        return max((one.p50_ms for one in self.workers if one.p50_ms is not None), default=None)

    @property
    def p95_ms(self) -> float | None:
        """The slowest worker's 95th percentile."""
        return max((one.p95_ms for one in self.workers if one.p95_ms is not None), default=None)

    @property
    def in_flight(self) -> int:
        """Calls at the provider now, of all workers."""
        return sum(one.in_flight for one in self.workers)

    @property
    def waiting(self) -> int:
        """Calls that wait for a place."""
        return sum(one.waiting for one in self.workers)


@dataclass(slots=True)
class ProviderNow:
    """A provider with everything that lists and pages show of it."""

    row: Provider
    kind: Kind
    activity: Activity
    targets: dict[str, TargetNow]
    spent_nanousd: int
    health: Health

    @property
    def in_flight(self) -> int:
        """Calls at the provider now."""
        return sum(target.in_flight for target in self.targets.values())

    @property
    def waiting(self) -> int:
        """Calls that wait for a place."""
        return sum(target.waiting for target in self.targets.values())

    @property
    def failing(self) -> bool:
        """Whether so many attempts fail that the figure is marked."""
        rate = self.activity.error_rate
        return rate is not None and rate >= DEGRADED_RATE and self.activity.calls >= ENOUGH_CALLS

    @property
    def waiting_words(self) -> str:
        """Under the figure of calls in flight."""
        return f"and {self.waiting} waiting" if self.waiting else f"of {self.row.max_in_flight:,} per target"

    @property
    def bars(self) -> CallBars:
        """The hour as a small chart."""
        return CallBars(self.activity.calls_by_bucket, self.activity.failed_by_bucket)


@dataclass(frozen=True, slots=True)
class CallBar:
    """One bar in the units of the drawing; the failed part is at its foot."""

    x: int
    y: float
    height: float
    failed: float
    failed_y: float
    width: int = 6


@dataclass(frozen=True, slots=True)
class CallBars:
    """Attempts over time as bars."""

    calls: Sequence[int]
    failed: Sequence[int]

    @property
    def width(self) -> int:
        """Of the drawing."""
        return max(1, len(self.calls) * 8 - 2)

    @property
    def bars(self) -> list[CallBar]:
        """Those with calls."""
        most = max(self.calls, default=0) or 1
        found = []
        for number, (calls, failed) in enumerate(zip(self.calls, self.failed, strict=True)):
            if calls:
                height, bad = round(max(2.0, calls / most * 36), 1), round(failed / most * 36, 1)
                found.append(CallBar(number * 8, round(38 - height, 1), height, bad, round(38 - bad, 1)))
        return found

    @property
    def sentence(self) -> str:
        """For who does not see it."""
        return f"{sum(self.calls):,} attempts in the last hour, {sum(self.failed):,} of them failed"


@dataclass(frozen=True, slots=True)
class Overview:
    """Providers as they are, and how old that is."""

    providers: Sequence[ProviderNow]
    workers: int
    reachable: bool
    as_of: datetime | None
    """When the worker that has been silent longest last spoke."""


def overview(rows: Sequence[Provider], workspace: Workspace) -> Overview:
    """The providers with their health, in a number of queries that does not depend on how many there are."""
    tenant_id = None if workspace.tenant is None else str(workspace.tenant.pk)
    pulses = worker_pulses()
    targets = targets_by_provider([row.pk for row in rows])
    lately = activity(targets, tenant_id=tenant_id)
    now_by_target = _targets_now(targets, pulses)
    spent = _spent(rows, workspace)
    shown = []
    for row in rows:
        own = {key: now for key, now in now_by_target.items() if targets[key] == str(row.pk)}
        figures = lately.get(str(row.pk)) or Activity()
        health = health_of(row.enabled, figures, list(own.values()), reachable=pulses.reachable)
        shown.append(ProviderNow(row, kind_of(row.kind), figures, own, spent[row.pk], health))
    return Overview(shown, len(pulses.workers), pulses.reachable, _instant(pulses.oldest_ms))


def health_of(enabled: bool, lately: Activity, targets: Sequence[TargetNow], *, reachable: bool) -> Health:
    """One word: what is worst."""
    if not enabled:
        running = sum(target.in_flight for target in targets)
        if running:
            return Health("draining", "Draining", "info", f"{running} calls finish; no new ones are sent.")
        return Health("off", "Off", "neutral", "No calls are sent.")
    circuits = _circuits(targets)
    if circuits is not None:
        return circuits
    rate = lately.error_rate
    if rate is not None and lately.calls >= ENOUGH_CALLS and rate >= DEGRADED_RATE:
        tone = "bad" if rate >= FAILING_RATE else "warn"
        return Health("degraded", "Degraded", tone, "Many attempts of the last hour failed.")
    if not reachable:
        return Health("unknown", "Unknown", "neutral", "Redis does not answer, so nobody knows the circuits' state.")
    if not lately.calls:
        return Health("idle", "Idle", "neutral", "No calls in the last hour.")
    return Health("ok", "Healthy", "good", "Answers, and all circuits are closed.")


def _circuits(targets: Sequence[TargetNow]) -> Health | None:
    refusing = sum(target.state == OPEN for target in targets)
    probing = sum(target.state == HALF_OPEN for target in targets)
    used = [target for target in targets if target.workers or target.state != CLOSED]
    if refusing and refusing == len(used):
        return Health("open", "Circuit open", "bad", "No calls are sent until probes succeed.")
    if refusing:
        words = "circuit is" if refusing == 1 else "circuits are"
        return Health("degraded", "Degraded", "warn", f"{refusing} {words} open.")
    if probing:
        return Health("degraded", "Probing", "warn", "A circuit lets single calls through to see whether it may close.")
    return None


def _targets_now(targets: Mapping[str, str], pulses: Pulses) -> dict[str, TargetNow]:
    shared = breaker_states().read(targets) if targets else {}
    found = {key: TargetNow(key, CLOSED if shared[key] == UNKNOWN else shared[key]) for key in targets}
    for pulse in pulses.workers:
        for told in pulse.targets:
            if (now := found.get(told.target_id)) is None:
                continue
            now.workers.append(
                TargetOfWorker(
                    pulse.worker_id,
                    pulse.host,
                    pulse.pid,
                    told.breaker,
                    told.retry_after_s,
                    told.in_flight,
                    told.waiting,
                    told.p50_ms,
                    told.p95_ms,
                )
            )
            now.state = max(now.state, told.breaker, key=_SEVERITY.index)
    return found


_SEVERITY: Final = (CLOSED, HALF_OPEN, OPEN)


def _spent(rows: Sequence[Provider], workspace: Workspace) -> dict[object, int]:
    """A name means a tenant's own provider where it has one, and the platform's everywhere else."""
    if workspace.tenant is not None:
        tenant_ids = [str(workspace.tenant.pk)]
    else:
        tenant_ids = [str(pk) for pk in Tenant.objects.values_list("pk", flat=True)]
    by_name = spent_today(sorted({row.name for row in rows}), tenant_ids=tenant_ids)
    own: set[tuple[str, str]] = set()
    if workspace.is_platform:
        owned = Provider.objects.filter(tenant__isnull=False, name__in={row.name for row in rows})
        own = {(name, str(tenant_id)) for name, tenant_id in owned.values_list("name", "tenant_id")}
    found: dict[object, int] = {}
    for row in rows:
        by_tenant = by_name.get(row.name, {})
        if row.tenant_id is not None:
            found[row.pk] = by_tenant.get(str(row.tenant_id), 0)
        else:
            found[row.pk] = sum(cost for tenant, cost in by_tenant.items() if (row.name, tenant) not in own)
    return found


def _instant(unix_ms: int | None) -> datetime | None:
    return None if unix_ms is None else datetime.fromtimestamp(unix_ms / 1000, UTC)
