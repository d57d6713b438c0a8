"""What one call has to do with the cache."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from contracts.events import CacheStored, EventPayload
from gateway.engine.cache.entry import KeptAnswer
from gateway.engine.cache.flights import Flight
from gateway.engine.cache.recording import Recording
from gateway.engine.cache.shelves import AnswerKey


class CacheStatus(StrEnum):
    """As the ``x-cache`` header tells it."""

    NONE = ""
    """The route keeps no answers."""
    HIT = "HIT"
    MISS = "MISS"
    STALE = "STALE"
    """There was an answer, older than the caller takes."""
    BYPASS = "BYPASS"


class Alike(msgspec.Struct, frozen=True):
    """How a kept question was taken for the same as a new one."""

    similarity: float
    confidence: float


class Hit(msgspec.Struct):
    """A kept answer that serves a call."""

    answer: KeptAnswer
    age_s: float
    billed_nanousd: int | None
    """What the call costs; None where that is a part of an unknown price."""
    alike: Alike | None = None
    """None where the calls ask exactly the same."""


class WouldBe(msgspec.Struct, frozen=True):
    """A kept answer that was found, and not given."""

    answer: KeptAnswer
    alike: Alike
    enough: bool
    """Whether it was sure enough to be given."""


class Question(msgspec.Struct, frozen=True):
    """What is compared of the call, and what has to be equal."""

    text: str
    scope: str


class Packed(msgspec.Struct, frozen=True):
    """An answer that can be kept as it is."""

    packed: bytes
    now_ms: int
    ttl_s: int
    stored: CacheStored
    """What is told of it."""


class CacheUse(msgspec.Struct):
    """Filled by :class:`gateway.engine.cache.answers.AnswerCache`."""

    status: CacheStatus = CacheStatus.NONE
    hit: Hit | None = None
    keep_as: AnswerKey | None = None
    """Under which name the call's answer is to be kept; None: it is not."""
    question: Question | None = None
    """None where other words are not looked for."""
    would_be: WouldBe | None = None
    time_sensitive: bool = False
    flight: Flight | None = None
    """Equal calls wait for this one's answer."""
    recording: Recording | None = None
    """Of the call's stream."""
    packed: Packed | None = None
    """The call's answer, not kept yet."""
    told: EventPayload | None = None
    """What there is to tell of the lookup once the call has begun."""
