"""The limits that apply to one call, the ticket it holds once admitted, and the error when it is not."""

from __future__ import annotations

import asyncio

import msgspec

from contracts.errors import RateLimited
from contracts.specs import KeySpec, LimitMetric, LimitSpec, TenantSpec
from gateway.engine.budgets import AppliedBudget

PREFIX = "admission"
"""Of counters in Redis. What belongs beside one has another prefix: an end user's name may end in anything."""


def counter_name(tenant_id: str, limit_id: str, subject: str) -> str:
    """Where Redis counts the limit for this subject."""
    return f"{PREFIX}:{{{tenant_id}}}:{limit_id}:{subject}"


def queue_name(counter: str) -> str:
    """Where calls wait for a place of the counter."""
    return f"admission-queue{counter.removeprefix(PREFIX)}"


class AppliedLimit(msgspec.Struct):
    """One limit as it applies to one call, and what admission answered."""

    spec: LimitSpec
    subject: str
    key: str
    cost: int
    remaining: int = 0
    reset_ms: int = 0
    slot: int = 0
    """Where in its window the call was counted."""
    score: bytes = b""
    """The call's position in the queue for a place; empty while it does not wait."""

    @property
    def queue_keys(self) -> tuple[str, str, str]:
        """Places, who waits for one, and until when."""
        return self.key, queue_name(self.key), f"admission-patience{self.key.removeprefix(PREFIX)}"


class Ahead(msgspec.Struct):
    """A call that went on before Redis decided about it."""

    decided: asyncio.Future[int]
    """Holds what Redis says: see :class:`gateway.engine.admission_batch.WaitingCall`."""
    lease_ms: int


class Ticket(msgspec.Struct):
    """What a call holds after it was admitted; hand it back with :meth:`Admission.settle`."""

    call_id: str
    limits: list[AppliedLimit]
    budgets: list[AppliedBudget] = []
    degraded: bool = False
    worker_id: str = ""
    queue_class: int = 0
    """0 interactive, 1 batch."""
    ahead: Ahead | None = None
    """None: it is decided."""

    @property
    def member(self) -> str:
        """The call in the queues for places, which all workers share."""
        return f"{self.call_id}|{self.worker_id}"

    def tightest(self, metric: LimitMetric) -> AppliedLimit | None:
        """Of the call's limits on this metric, the one with the least left."""
        tightest: AppliedLimit | None = None
        for limit in self.limits:
            if limit.spec.metric is metric and (tightest is None or limit.remaining < tightest.remaining):
                tightest = limit
        return tightest


def applied_limits(tenant: TenantSpec, key: KeySpec, *, user: str | None, tokens: int) -> list[AppliedLimit]:
    """The limits that count this call, with what it costs in each; ``tokens`` is the reserved worst case."""
    found = []
    for spec in (*key.limits, *tenant.limits):
        subject = spec.subject
        if spec.level == "user":
            if not user:
                continue
            subject = user
        name = counter_name(tenant.id, spec.id, subject)
        found.append(AppliedLimit(spec, subject, name, tokens if spec.metric is LimitMetric.TOKENS else 1))
    return found


def refusal(limit: AppliedLimit) -> RateLimited:
    """The error that says which limit refused, whose it is, and when to come back."""
    spec = limit.spec
    retry_after_s = max(limit.reset_ms, 1) / 1000 if limit.reset_ms else 1.0
    per = "at once" if spec.metric is LimitMetric.CONCURRENCY else f"per {spec.window_s} s"
    whose = f"{spec.level} {limit.subject!r}" if spec.level == "user" else f"this {spec.level}"
    return RateLimited(
        f"Rate limit reached for {whose}: {spec.value} {_UNITS[spec.metric]} {per}. "
        f"Try again in {retry_after_s:.1f} s.",
        retry_after_s=retry_after_s,
        details={
            "limit_id": spec.id,
            "level": spec.level,
            "subject": limit.subject,
            "metric": spec.metric.value,
            "limit": spec.value,
            "window_s": spec.window_s,
            "remaining": limit.remaining,
            "requested": limit.cost,
            "reset_ms": limit.reset_ms,
        },
    )


_UNITS = {
    LimitMetric.REQUESTS: "requests",
    LimitMetric.TOKENS: "tokens",
    LimitMetric.CONCURRENCY: "calls",
}
