"""``router.*`` and ``breaker.*``: where a call went, and why."""

from __future__ import annotations

import msgspec

from contracts.events.envelope import EventPayload


class SkippedTarget(msgspec.Struct, frozen=True):
    """A target that was not considered, and why."""

    target: str
    reason: str
    """``breaker_open`` | ``full`` | ``lacks:<capability>`` | ``unsupported:<param>`` | ``over_max_latency`` |
    ``context_window`` | ``price_unknown``."""


class DecisionMade(EventPayload, frozen=True, kw_only=True):
    """The route and the order in which its targets will be tried, with the figures that decided."""

    event_type = "router.decision.made"
    route: str
    route_reason: str
    """``model`` | ``match`` | ``tenant_default`` | ``platform_default`` | ``direct_model`` | ``budget`` (degraded)."""
    strategy: str
    targets: list[str]
    scores: dict[str, float] = msgspec.field(default_factory=dict)
    """What the strategy ranked by (ms, nano-USD, in flight, weight), per target label."""
    skipped: list[SkippedTarget] = msgspec.field(default_factory=list)
    sticky: bool = False


class FallbackUsed(EventPayload, frozen=True, kw_only=True):
    """The call moves on to another target."""

    event_type = "router.fallback.used"
    from_target: str
    to_target: str
    reason: str
    """The error code that made it move."""


class HedgeStarted(EventPayload, frozen=True, kw_only=True):
    """A second attempt was started because the first is slower than its target's p95."""

    event_type = "router.hedge.started"
    slow_target: str
    hedge_target: str
    after_ms: float


class BreakerStateChanged(EventPayload, frozen=True, kw_only=True):
    """A target's circuit changed state in this worker, by its own count or by another worker's word."""

    event_type = "breaker.state.changed"
    target_id: str
    target: str
    old_state: str
    new_state: str
    """``closed`` | ``open`` | ``half_open``."""
    reason: str
    """``failure_rate`` | ``slow_call_rate`` | ``probe_failed`` | ``probes_succeeded`` | ``open_elapsed`` | ``peer``."""
    failure_rate: float | None = None
    slow_call_rate: float | None = None
    calls: int = 0
