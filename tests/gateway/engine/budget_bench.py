"""Workers on one Redis with one ledger, for tests of budgets."""

from __future__ import annotations

from typing import Any

from contracts.budgets import BudgetSpec
from contracts.clock import SystemClock
from contracts.errors import GatewayError
from contracts.events import BudgetThresholdCrossed
from contracts.specs import KeySpec, LimitSpec, TenantSpec
from events.engine.redis_wire import RedisWire
from gateway.engine.admission import Admission
from gateway.engine.limits import Ticket, applied_limits
from tests.gateway.doubles import MemoryLedger, RecordingEmitter

GRACE_MS = 60


class Bench:
    """Workers on one Redis, with one ledger."""

    def __init__(self, redis_url: str, wire: type[RedisWire] = RedisWire) -> None:
        self._url = redis_url
        self._wire = wire
        self.ledger = MemoryLedger()
        self.emitter = RecordingEmitter()
        self._wires: list[RedisWire] = []
        self._calls = 0

    async def worker(self, **fields: Any) -> Admission:
        wire = self._wire(self._url)
        await wire.start()
        self._wires.append(wire)
        fields = {"clock": SystemClock(), "spend_reader": self.ledger, "grace_ms": GRACE_MS, "timeout_s": 5, **fields}
        return Admission(wire, emitter=self.emitter, **fields)

    async def close(self) -> None:
        for wire in self._wires:
            await wire.stop()

    async def admit(
        self,
        admission: Admission,
        *budgets: BudgetSpec,
        cost: int,
        call_id: str = "",
        user: str | None = None,
        limits: tuple[LimitSpec, ...] = (),
        lease_ms: int = 60_000,
        fail_open: bool = True,
        enforced: bool = True,
    ) -> Ticket:
        self._calls += 1
        tenant = TenantSpec(id="tenant-1", slug="t", limits=limits, budgets=budgets)
        key = KeySpec(id="key-1", tenant_id="tenant-1")
        applied = admission.spending.applied(tenant, key, user)
        for each in applied:
            each.cost, each.enforced = cost, enforced
        return await admission.admit(
            call_id or f"req_{self._calls:05}",
            applied_limits(tenant, key, user=user, tokens=0),
            budgets=applied,
            lease_ms=lease_ms,
            fail_open=fail_open,
        )

    async def tried(self, admission: Admission, *budgets: BudgetSpec, **fields: Any) -> Ticket | GatewayError:
        try:
            return await self.admit(admission, *budgets, **fields)
        except GatewayError as error:
            return error

    async def settle(self, admission: Admission, ticket: Ticket, cost: int) -> None:
        admission.settle(ticket, tokens=0, cost_nanousd=cost)
        await admission.drain()

    def crossings(self) -> list[int]:
        return [event.percent for event in self.emitter.payloads(BudgetThresholdCrossed)]


async def counted(redis: Any) -> dict[str, int]:
    """What the one account in Redis has: spent, reserved, ended."""
    [name] = [key async for key in redis.scan_iter("budget:*")]
    fields = await redis.hgetall(name)
    entries = sum(int(value) for field, value in fields.items() if field.startswith(b":"))
    found = {"spent": int(fields[b"s"]), "reserved": int(fields[b"r"]), "ended": int(fields[b"q"])}
    assert entries == found["reserved"] + found["ended"]
    return found
