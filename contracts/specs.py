"""Specs: configuration rows compiled into frozen structs that the data plane holds in memory.

Money is integer nano-USD. Times are milliseconds unless the name says otherwise; instants are Unix
milliseconds (``*_at_ms``).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NoReturn

import msgspec

from contracts.budgets import BudgetSpec
from contracts.guardrails import PolicySpec
from contracts.live_samples import LiveSpec


class Secret:
    """A credential that does not show itself in logs, reprs or serialisations.

    Specs hold the object, not the text: whoever made it may :meth:`replace` the value when the credential changes,
    and every spec that holds it has the new one. Empty (false) as long as no value could be had.
    """

    __slots__ = ("__weakref__", "_value", "origin", "version")

    def __init__(self, value: str, origin: object = None) -> None:
        self._value = value
        self.origin = origin
        """By which the resolver that made it knows it again."""
        self.version = 0
        """Grows with every new value."""

    def reveal(self) -> str:
        """The clear text; call it only where the header is written."""
        return self._value

    def replace(self, value: str) -> bool:
        """Hold this value from now on; tells whether it is another one."""
        if value == self._value:
            return False
        self._value = value
        self.version += 1
        return True

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not serialised.")


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
    image_input: int | None = None
    image_output: int | None = None
    request: int = 0
    """Nano-USD per request, on top of the tokens."""


PriceChanges = tuple[tuple[int, PriceSpec | None], ...]
"""Prices that follow the present one: from which instant (Unix ms, ascending), and what; None where it is unknown."""


class PriceTimeline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model costs, when that is not the same for everybody: now, and later."""

    price: PriceSpec | None = None
    price_changes: PriceChanges = ()


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
    price_changes: PriceChanges = ()
    """See :func:`routing.engine.prices.price_at`."""


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


class SemanticSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How questions in other words are answered with kept answers."""

    confidence: float = 0.9
    """From 0 to 1: how sure it has to be that they ask the same; feedback may have moved it for a tenant."""
    shadow: bool = False
    """Only look: a provider is asked all the same, and the kept answer is compared with its."""


class CacheSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a route's answers are kept for calls that ask the same again."""

    ttl_s: int = 3_600
    max_entries: int = 10_000
    """Per tenant; the least recently used ones go first."""
    max_bytes: int = 64 * 1024 * 1024
    """Per tenant, as stored."""
    sampled: bool = True
    """Keep answers of calls whose temperature is above 0, or not given, which is above 0 for providers."""
    hit_percent: int = 0
    """What a call that is answered from the cache costs, in percent of what the answer cost."""
    generation: int = 0
    """Raised to forget everything that is kept."""
    semantic: SemanticSpec | None = None
    """None: only calls that ask exactly the same."""


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
    cache: CacheSpec | None = None
    """None: every call goes to a provider."""


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
    """The id of what is counted; for level ``user`` empty: the call's own ``user`` is the subject.

    At level ``key`` it is the first of the keys that followed each other by rotation: they are counted together.
    """
    metric: LimitMetric
    value: int
    window_s: int = 60
    max_wait_ms: int = 0
    """How long a call may wait for a place, for metric ``concurrency``; 0: it is refused at once."""


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
    access_tags: frozenset[str] = frozenset()
    """Documents with one of these are found besides those without any; ``*`` stands for all."""
    ip_allow: tuple[str, ...] = ()
    """CIDR blocks; empty allows all."""
    expires_at_ms: int | None = None
    revoked: bool = False
    limits: tuple[LimitSpec, ...] = ()
    """Those of the key itself and of its team."""
    budgets: tuple[BudgetSpec, ...] = ()
    """Those of the key itself and of its team."""


class PayloadStorage(StrEnum):
    """What of prompts and answers is kept in events."""

    NONE = "none"
    REDACTED = "redacted"
    """Personal data and credentials are replaced by placeholders before anything reaches the spool."""
    STORED = "stored"


class TenantCacheSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is a tenant's own about caches, whatever the route."""

    max_bytes: int = 256 * 1024 * 1024
    """Kept answers of all routes and results of tools together, as stored."""
    generation: int = 0
    """Raised to forget everything that is kept for the tenant."""
    confidence: dict[str, float] = msgspec.field(default_factory=dict)
    """Instead of the route's own, by route id, where feedback has moved it."""
    tools: dict[str, int] = msgspec.field(default_factory=dict)
    """Tools whose results may be kept, by name, and for how many seconds."""


class TenantSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the data plane knows of one tenant."""

    id: str
    slug: str
    active: bool = True
    time_zone: str = "UTC"
    """IANA name, of analytics' days and months; budgets carry their own."""
    plan: str = ""
    """What it has subscribed to, as operators name it; policies can ask for it."""
    version: int = 0
    """Grows with every change of the tenant's configuration."""
    default_route: str | None = None
    """Serves calls that name no model and match no other route; falls back to the platform's."""
    routes: tuple[RouteSpec, ...] = ()
    models: dict[str, TargetSpec] = msgspec.field(default_factory=dict)
    """Models at the tenant's own providers, callable by name (``model`` and ``provider/model``)."""
    limits: tuple[LimitSpec, ...] = ()
    budgets: tuple[BudgetSpec, ...] = ()
    """Of levels ``tenant`` and ``user``."""
    prices: dict[str, PriceTimeline] = msgspec.field(default_factory=dict)
    """The tenant's own prices by model id, instead of those in the models; empty for most tenants."""
    payloads: PayloadStorage = PayloadStorage.NONE
    fail_open: bool = True
    """With Redis down: admit under a per-worker share of each limit (True), or refuse (False)."""
    policies: tuple[PolicySpec, ...] = ()
    """The tenant's own that are in force, in the order in which they are applied."""
    cache: TenantCacheSpec = TenantCacheSpec()
    live: tuple[LiveSpec, ...] = ()
    """Who wants to score which of its calls."""


class PlatformSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What every tenant shares: the operator's routes and models. Held once per worker."""

    version: int = 0
    default_route: str | None = None
    routes: tuple[RouteSpec, ...] = ()
    models: dict[str, TargetSpec] = msgspec.field(default_factory=dict)
    policies: tuple[PolicySpec, ...] = ()
    """Policies that apply to the calls of every tenant, before the tenant's own."""
