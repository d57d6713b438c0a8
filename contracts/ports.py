"""Protocols by which a lower layer reaches what a higher one, or the composition root, provides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

import msgspec

from contracts.chat import JsonObject
from contracts.events import EventContext, EventPayload
from contracts.specs import KeySpec, PlatformSpec, TenantSpec


class Emitter(Protocol):
    """Takes events. Never blocks, never raises."""

    def emit(self, payload: EventPayload, context: EventContext) -> None:
        """Queue one event; it is on disk at the latest after the current event-loop turn or :meth:`flush`."""

    def flush(self) -> None:
        """Write what is queued to the spool now: call before telling a client that its call ended."""


class SpecSource(Protocol):
    """Loads specs from the source of truth. Called on a cache miss only.

    Each method raises :class:`contracts.errors.ServiceUnavailable` when the source cannot be reached.
    """

    async def load_key(self, key_hash: str) -> KeySpec | None:
        """The key whose SHA-256 hex digest this is; None when there is none."""

    async def load_tenant(self, tenant_id: str) -> TenantSpec | None:
        """The tenant; None when there is none."""

    async def load_platform(self) -> PlatformSpec:
        """What all tenants share."""


class UpstreamRequest(msgspec.Struct, frozen=True):
    """One HTTP request to a provider, complete."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connect_timeout_ms: int = 5_000


class UpstreamResponse(msgspec.Struct, frozen=True):
    """A whole HTTP response; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class UpstreamStream(Protocol):
    """An HTTP response whose body is still arriving. Closing it early cancels the call upstream."""

    status: int
    headers: Mapping[str, str]

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None:
        """Close; safe to call twice."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Upstream(Protocol):
    """The HTTP client of the data plane.

    Timeouts belong to the caller (``asyncio.timeout``). Raises :class:`contracts.errors.ProviderUnavailable` on a
    refused or reset connection and DNS failure, :class:`contracts.errors.ProviderBadResponse` when what came back
    is not HTTP or stops short of its declared length.
    """

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """The whole response, whatever its status."""

    async def open(self, request: UpstreamRequest) -> UpstreamStream:
        """The response as soon as its headers are here."""

    async def aclose(self) -> None:
        """Close; safe to call twice."""


class Clock(Protocol):
    """Time, injectable in tests."""

    def now_ms(self) -> int:
        """Unix time in milliseconds."""

    def monotonic(self) -> float:
        """Seconds that never go backwards."""


class SecretResolver(Protocol):
    """Turns a secret reference such as ``env:OPENAI_API_KEY`` into the credential."""

    def resolve(self, reference: str) -> str:
        """The clear value.

        Raises:
            LookupError: the reference is unknown or empty; the message names the reference, never a value.
        """


class EventSink(Protocol):
    """Where the collector hands what it has written, to be shown live."""

    async def publish(self, tenant_id: str, events: Sequence[bytes]) -> None:
        """Envelopes of one tenant, encoded as JSON, in order."""


class RunReader(Protocol):
    """Reads one run for ``GET /v1/runs/{correlation_id}``."""

    async def read(self, tenant_id: str, correlation_id: str) -> JsonObject | None:
        """The run as a JSON object; None when this tenant has none under that id.

        Raises:
            ServiceUnavailable: the store cannot be reached.
        """


class DependencyProbe(Protocol):
    """One dependency's line in ``GET /health/detailed``."""

    async def __call__(self) -> JsonObject:
        """``status`` (``ok`` | ``degraded`` | ``down``) and whatever explains it. Quick, and never raises."""
