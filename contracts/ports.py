"""Protocols by which a lower layer reaches what a higher one, or the composition root, provides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

import msgspec

from contracts.budgets import Period
from contracts.chat import JsonObject
from contracts.events import EventContext, EventPayload
from contracts.signals import KeptAnswers, RuleHits
from contracts.specs import KeySpec, PlatformSpec, PriceTimeline, Secret, TenantSpec
from contracts.usage import UsagePage, UsageQuery


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

    def resolve(self, reference: str, *, tenant_id: str | None = None, version: int | None = None) -> Secret:
        """The credential for a provider of this tenant (None: of the platform).

        Empty when it cannot be had now; it is filled in once it can. ``version`` is that of the owner's configuration:
        a value that lies in our own database is read again when it grew. Not to be called on an event loop.

        Raises:
            LookupError: the reference is malformed, or the owner may not use it; the message shows no value.
        """


class CredentialRenewer(Protocol):
    """Fetches a credential again that a provider refused."""

    async def renew(self, credential: Secret, refused_version: int) -> bool:
        """Whether ``credential`` holds another value than the refused one now. Quick to give up, never raises."""


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


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the kept answer that served a call was right."""

    tenant_id: str
    correlation_id: str
    right: bool
    actor: str
    """Who says so, for the audit log."""
    comment: str = ""


class FeedbackTaken(msgspec.Struct, frozen=True, kw_only=True):
    """What the feedback led to."""

    route: str
    confidence: float
    """How sure the tenant's calls over the route have to be since."""
    right: int
    """Answers over the route that were found right so far."""
    wrong: int


class FeedbackTaker(Protocol):
    """Takes down feedback for ``POST /v1/feedback``."""

    async def take(self, feedback: Feedback) -> FeedbackTaken:
        """Take it down; said again about the same call, the last word counts.

        Raises:
            RunNotFound: the tenant has no such call (yet).
            InvalidRequest: no kept answer to a question in other words served it.
            ServiceUnavailable: the store cannot be reached.
        """


class SpendQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whose spending, in which window."""

    tenant_id: str
    level: str
    """``tenant`` | ``team`` | ``key`` | ``user``."""
    subject: str
    """The tenant's or team's id, that of the first of the keys that followed each other, or the call's ``user``."""
    period: Period
    call_ids: tuple[str, ...] = ()
    """Correlation ids of calls that the asker counts by itself."""


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """What the usage ledger says, all of it as of one instant."""

    nanousd: int
    recorded: frozenset[str]
    """Those of ``call_ids`` that are in the ledger, and so in ``nanousd``."""
    as_of: int
    """Grows with what the ledger has: of two answers, the one with the smaller number saw less."""


class SpendReader(Protocol):
    """Asks the usage ledger, the truth that counters are rebuilt from."""

    async def read(self, query: SpendQuery) -> Spend:
        """The spending, and which calls it includes, from one consistent snapshot.

        Raises:
            ServiceUnavailable: the ledger cannot be reached.
        """


class UsageReader(Protocol):
    """Answers analytics from the usage ledger's rollups."""

    async def read(self, query: UsageQuery) -> UsagePage:
        """One page.

        Raises:
            InvalidRequest: the query asks for what no rollup has, for too many buckets, or has a broken cursor.
            ServiceUnavailable: the ledger cannot be reached.
        """


class SignalReader(Protocol):
    """Answers analytics about guardrails and kept answers. Times are Unix milliseconds, from and until."""

    async def rule_hits(self, tenant_id: str, times: Sequence[tuple[int, int]]) -> list[list[RuleHits]]:
        """Of each stretch of time.

        Raises:
            ServiceUnavailable: the sums cannot be reached.
        """

    async def kept_answers(self, tenant_id: str, times: Sequence[tuple[int, int]]) -> list[list[KeptAnswers]]:
        """Of each stretch of time, by route.

        Raises:
            ServiceUnavailable: the sums cannot be reached.
        """


class PriceReader(Protocol):
    """Tells what models cost in the past, which specs do not hold."""

    async def read(self, model_id: str, tenant_id: str, start_ms: int, end_ms: int) -> PriceTimeline:
        """The tenant's price of the model at ``start_ms``, and its changes before ``end_ms`` (Unix ms).

        Raises:
            ServiceUnavailable: prices cannot be read.
        """


class ModelQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What a guardrail asks a model about a text."""

    route: str
    """Name of the route that serves the call."""
    instructions: str
    question: str
    schema: JsonObject
    """JSON schema of the answer, for models that can be held to one."""
    max_output_tokens: int


class ModelCaller(Protocol):
    """Asks models on behalf of a tenant, through the gateway: with its budgets, in its ledger and its events."""

    tenant_id: str

    async def ask(self, question: ModelQuestion) -> str:
        """What the model answered.

        Raises:
            GatewayError: the call was refused, or failed.
        """


class DependencyProbe(Protocol):
    """One dependency's line in ``GET /health/detailed``."""

    async def __call__(self) -> JsonObject:
        """``status`` (``ok`` | ``degraded`` | ``down``) and whatever explains it. Quick, and never raises."""
