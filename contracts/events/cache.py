"""``cache.*``: answers, and results of tools, that are kept."""

from __future__ import annotations

from contracts.events.envelope import EventPayload


class CacheHit(EventPayload, frozen=True, kw_only=True):
    """A call was answered with what an equal call, or one that means the same, got before."""

    event_type = "cache.lookup.hit"
    route: str
    provider: str
    model: str
    key_id: str
    source: str
    """Where the answer was: ``memory`` (of the worker) | ``redis`` | ``flight`` (waited for with an equal call)."""
    age_s: float
    saved_nanousd: int | None = None
    """What the answer cost when it was made, less what the hit costs; None where the price is unknown."""
    billed_nanousd: int = 0
    mode: str = "exact"
    """``exact`` | ``semantic``."""
    similarity: float | None = None
    """Cosine of the two questions; for ``semantic``."""
    confidence: float | None = None
    """From 0 to 1, how sure it was that they ask the same; for ``semantic``."""


class CacheShadowed(EventPayload, frozen=True, kw_only=True):
    """A provider answered a call that a kept answer might have served, and the two answers were compared."""

    event_type = "cache.lookup.shadowed"
    route: str
    key_id: str
    similarity: float
    confidence: float
    would_hit: bool
    """Whether the confidence was enough for the route."""
    agreement: float
    """From 0 to 1, how far the kept answer says the same as the provider's."""
    wrong: bool
    """Whether that is too little."""
    saved_nanousd: int | None = None
    """What a hit would have saved."""


class CacheJudged(EventPayload, frozen=True, kw_only=True):
    """Somebody said whether the kept answer to a question in other words was right."""

    event_type = "cache.answer.judged"
    route: str
    right: bool
    confidence: float
    similarity: float
    actor: str
    """An API key, a service key or a person, by name."""
    comment: str = ""


class CacheThresholdChanged(EventPayload, frozen=True, kw_only=True):
    """Feedback moved how sure a tenant's route has to be, or somebody set it back."""

    event_type = "cache.threshold.changed"
    route: str
    before: float
    after: float
    reason: str
    """``wrong`` | ``right`` | ``reset``."""
    actor: str


class ToolResultHit(EventPayload, frozen=True, kw_only=True):
    """A tool's kept result was handed out: the tool need not run."""

    event_type = "cache.tool.hit"
    tool: str
    key_id: str
    age_s: float


class ToolResultMissed(EventPayload, frozen=True, kw_only=True):
    """A tool's result was asked for, and none is kept for these arguments."""

    event_type = "cache.tool.missed"
    tool: str
    key_id: str


class ToolResultStored(EventPayload, frozen=True, kw_only=True):
    """A tool's result was put into the cache."""

    event_type = "cache.tool.stored"
    tool: str
    key_id: str
    ttl_s: int
    bytes: int


class CacheMissed(EventPayload, frozen=True, kw_only=True):
    """A call of a route that keeps answers went on to a provider."""

    event_type = "cache.lookup.missed"
    route: str
    key_id: str
    reason: str
    """``absent`` | ``too_old`` (for the caller's ``max-age``) | ``by_request`` (``no-cache``, ``no-store``) |
    ``sampled`` | ``unavailable`` (Redis is down)."""


class CacheStored(EventPayload, frozen=True, kw_only=True):
    """An answer was put into the cache."""

    event_type = "cache.entry.stored"
    route: str
    provider: str
    model: str
    ttl_s: int
    bytes: int
    """As stored, perhaps compressed."""
    time_sensitive: bool = False
    """The prompt asks for something that changes: the answer is kept for a short time only."""
