"""Specs: configuration rows compiled into frozen structs that the data plane holds in memory.

Money is integer nano-USD. Times are milliseconds unless the name says otherwise; instants are Unix
milliseconds (``*_at_ms``).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Secret:
    """A credential that does not show itself in logs, reprs or serialisations."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The clear text; call it only where the header is written."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


class Strategy(StrEnum):
    """How a route orders its targets."""

    PRIORITY = "priority"
    WEIGHTED = "weighted"
    LEAST_LATENCY = "least_latency"
    LOWEST_COST = "lowest_cost"
    LEAST_BUSY = "least_busy"


class Capability(StrEnum):
    """What a model can do; a target without a needed capability is skipped, with the reason in the event."""

    CHAT = "chat"
    STREAMING = "streaming"
    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"
    VISION = "vision"
    EMBEDDINGS = "embeddings"
    REASONING = "reasoning"
    AUDIO = "audio"


class PriceSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """Prices in nano-USD per million tokens, by token kind. None means: no such price, use ``input``/``output``."""

    input: int
    output: int
    cached_input: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    request: int = 0
    """Nano-USD per request, on top of the tokens."""


class ProviderSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An upstream account: where it is, what it speaks (``kind`` names the adapter), how hard it may be used."""

    id: str
    name: str
    kind: str
    base_url: str
    credential: Secret | None = None
    headers: tuple[tuple[str, str], ...] = ()
    connect_timeout_ms: int = 5_000
    timeout_ms: int = 60_000
    """Per attempt, to the last byte of a non-streamed answer; on a stream, between two chunks."""
    first_token_timeout_ms: int = 30_000
    max_in_flight: int = 100
    """Per gateway instance and target; shared out evenly over its workers."""
    max_queue: int = 100
    """Calls that may wait for a free slot, per gateway instance and target."""
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    """What one ``kind`` needs beyond the rest (Azure's api-version, the sandbox's latency ...)."""


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A model at a provider. ``wire_name`` is what the provider calls it."""

    id: str
    name: str
    wire_name: str
    capabilities: frozenset[str] = frozenset({Capability.CHAT, Capability.STREAMING})
    context_window: int | None = None
    max_output_tokens: int | None = None
    price: PriceSpec | None = None
    """None when the price is unknown: cost is then None in every event, never 0."""


class BreakerSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a target's circuit opens and how it is probed."""

    window_s: int = 30
    minimum_calls: int = 10
    failure_rate: float = 0.5
    slow_call_ms: int = 0
    """Calls slower than this count as slow; 0 turns the slow-call rule off."""
    slow_call_rate: float = 0.8
    open_s: float = 15.0
    half_open_probes: int = 3


class TargetSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One place a route can send a call: a model at a provider."""

    id: str
    provider: ProviderSpec
    model: ModelSpec
    weight: int = 1
    priority: int = 0
    """Lower goes first."""
    drop_params: frozenset[str] = frozenset()
    """OpenAI fields this target may leave out when its provider has no equivalent; anything else is refused."""
    breaker: BreakerSpec = BreakerSpec()

    @property
    def label(self) -> str:
        """``provider/model``, as shown in events, metrics and errors."""
        return f"{self.provider.name}/{self.model.name}"


class RetrySpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Retries with full jitter (AWS Architecture Blog, 'Exponential Backoff And Jitter', 2015)."""

    max_attempts: int = 3
    """Over all targets together, the first attempt included."""
    per_target: int = 2
    base_ms: int = 100
    cap_ms: int = 2_000


class RouteMatch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a call must have for the route to apply; every condition that is set must hold."""

    modes: frozenset[str] = frozenset()
    tags: tuple[tuple[str, str], ...] = ()
    """(name, value) pairs, all of which the call must carry; an empty value matches any."""
    headers: tuple[tuple[str, str], ...] = ()
    """(lower-case name, value) pairs; an empty value matches any."""


class RouteSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A named way to serve calls."""

    id: str
    name: str
    strategy: Strategy = Strategy.PRIORITY
    match: RouteMatch = RouteMatch()
    order: int = 100
    """Among routes whose match holds for a call without ``model``, the lowest wins."""
    targets: tuple[TargetSpec, ...] = ()
    retry: RetrySpec = RetrySpec()
    sticky_by_user: bool = False
    total_timeout_ms: int = 120_000
    max_latency_ms: int | None = None
    """Targets whose recent p95 is above this go last, and the whole call is cut off at it."""
    hedge: bool = False
    """Start a second attempt on the next target once the first is slower than its own p95 (non-streamed calls)."""


class LimitMetric(StrEnum):
    """What a limit counts."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    CONCURRENCY = "concurrency"


class LimitSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One limit: ``value`` per ``window_s`` seconds (``window_s`` is 0 for concurrency), counted per subject."""

    id: str
    level: str
    """``tenant`` | ``team`` | ``key`` | ``user``."""
    subject: str
    """The id of what is counted; for level ``user`` empty: the call's own ``user`` is the subject."""
    metric: LimitMetric
    value: int
    window_s: int = 60


class KeySpec(msgspec.Struct, frozen=True, kw_only=True):
    """An API key. The clear key is never here: it is found by the SHA-256 of what the caller sent."""

    id: str
    tenant_id: str
    team_id: str | None = None
    name: str = ""
    prefix: str = ""
    """Start of the key plus its last four characters, for people to recognise it by."""
    scopes: frozenset[str] = frozenset()
    allowed_routes: frozenset[str] = frozenset()
    """Route names; empty allows all."""
    allowed_models: frozenset[str] = frozenset()
    """Model names; empty allows all."""
    ip_allow: tuple[str, ...] = ()
    """CIDR blocks; empty allows all."""
    expires_at_ms: int | None = None
    revoked: bool = False
    limits: tuple[LimitSpec, ...] = ()
    """Those of the key itself and of its team."""


class TenantSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the data plane knows of one tenant."""

    id: str
    slug: str
    active: bool = True
    version: int = 0
    """Grows with every change of the tenant's configuration."""
    default_route: str | None = None
    """Serves calls that name no model and match no other route; falls back to the platform's."""
    routes: tuple[RouteSpec, ...] = ()
    models: dict[str, TargetSpec] = msgspec.field(default_factory=dict)
    """Models at the tenant's own providers, callable by name (``model`` and ``provider/model``)."""
    limits: tuple[LimitSpec, ...] = ()
    store_payloads: bool = False
    fail_open: bool = True
    """With Redis down: admit under a per-worker share of each limit (True), or refuse (False)."""


class PlatformSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What every tenant shares: the operator's routes and models. Held once per worker."""

    version: int = 0
    default_route: str | None = None
    routes: tuple[RouteSpec, ...] = ()
    models: dict[str, TargetSpec] = msgspec.field(default_factory=dict)
