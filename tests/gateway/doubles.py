"""Stand-ins for ports: a clock that is set by hand, an emitter that remembers, specs from a dictionary."""

from __future__ import annotations

from typing import Any, TypeVar

from contracts.budgets import BudgetAction, BudgetSpec, BudgetWindow
from contracts.errors import ServiceUnavailable
from contracts.events import EventContext, EventPayload
from contracts.ports import Spend, SpendQuery
from contracts.specs import KeySpec, LimitMetric, LimitSpec, PlatformSpec, TenantSpec

_Payload = TypeVar("_Payload", bound=EventPayload)


class ManualClock:
    """Starts at a round instant and moves only when told."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now_ms(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


class RecordingEmitter:
    """Keeps what was emitted, and what had been flushed when."""

    def __init__(self) -> None:
        self.events: list[tuple[EventPayload, EventContext]] = []
        self.flushed = 0

    def emit(self, payload: EventPayload, context: EventContext) -> None:
        self.events.append((payload, context))

    def flush(self) -> None:
        self.flushed = len(self.events)

    def types(self) -> list[str]:
        return [payload.event_type for payload, _ in self.events]

    def payloads(self, kind: type[_Payload]) -> list[_Payload]:
        return [payload for payload, _ in self.events if isinstance(payload, kind)]


class DictSpecSource:
    """Specs by name; counts loads and can be 'down'."""

    def __init__(self, *, platform: PlatformSpec | None = None) -> None:
        self.keys: dict[str, KeySpec] = {}
        self.tenants: dict[str, TenantSpec] = {}
        self.platform = platform or PlatformSpec()
        self.loads = 0
        self.down = False

    async def load_key(self, key_hash: str) -> KeySpec | None:
        self._load()
        return self.keys.get(key_hash)

    async def load_tenant(self, tenant_id: str) -> TenantSpec | None:
        self._load()
        return self.tenants.get(tenant_id)

    async def load_platform(self) -> PlatformSpec:
        self._load()
        return self.platform

    def _load(self) -> None:
        self.loads += 1
        if self.down:
            raise ServiceUnavailable("down")


def limit(
    value: int, metric: LimitMetric = LimitMetric.REQUESTS, *, window_s: int = 60, level: str = "tenant", name: str = ""
) -> LimitSpec:
    return LimitSpec(
        id=name or f"limit-{metric}-{level}",
        level=level,
        subject="" if level == "user" else f"{level}-1",
        metric=metric,
        value=value,
        window_s=0 if metric is LimitMetric.CONCURRENCY else window_s,
    )


def budget(
    limit_nanousd: int,
    *,
    level: str = "tenant",
    name: str = "",
    window: BudgetWindow = BudgetWindow.TOTAL,
    action: BudgetAction = BudgetAction.BLOCK,
    **fields: Any,
) -> BudgetSpec:
    return BudgetSpec(
        id=name or f"budget-{level}",
        name=name or f"{level} budget",
        level=level,
        subject="" if level == "user" else f"{level}-1",
        limit_nanousd=limit_nanousd,
        window=window,
        action=action,
        **fields,
    )


class MemoryLedger:
    """A usage ledger in memory: what was billed, by call; can be 'down'."""

    def __init__(self) -> None:
        self.costs: dict[str, int] = {}
        self.reads = 0
        self.down = False

    def record(self, call_id: str, cost: int) -> None:
        self.costs[call_id] = cost

    @property
    def total(self) -> int:
        return sum(self.costs.values())

    async def read(self, query: SpendQuery) -> Spend:
        self.reads += 1
        if self.down:
            raise ServiceUnavailable("The usage ledger cannot be reached.")
        return Spend(
            nanousd=self.total,
            recorded=frozenset(call_id for call_id in query.call_ids if call_id in self.costs),
            as_of=len(self.costs),
        )
