"""A gateway without a server, a database or Redis: the real pipeline and engine over the sandbox provider."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec

from contracts.chat import JsonObject
from contracts.clock import SystemClock
from contracts.errors import RunNotFound
from contracts.events import EventPayload
from contracts.ports import Feedback, FeedbackTaken, FeedbackTaker, PriceReader, SignalReader, Upstream, UsageReader
from contracts.retrieval import RetrievalParts
from contracts.signals import KeptAnswers, RuleHits
from contracts.specs import (
    Capability,
    KeySpec,
    LimitSpec,
    ModelSpec,
    PlatformSpec,
    PriceSpec,
    PriceTimeline,
    ProviderSpec,
    RetrySpec,
    RouteSpec,
    TargetSpec,
    TenantSpec,
)
from contracts.usage import UsageFigures, UsagePage, UsageQuery
from events.engine.redis_wire import RedisWire
from events.engine.tracing import CallTracer
from gateway.analytics import Analytics
from gateway.endpoints import Endpoints, serve
from gateway.engine.admission import Admission
from gateway.engine.authentication import Authenticator
from gateway.engine.cache.tool_results import ToolResults
from gateway.engine.grounding.searching import Search
from gateway.engine.grounding.step import GroundingStep
from gateway.engine.grounding.withholding import Withholding
from gateway.engine.guarding import Guarding
from gateway.engine.spec_cache import SpecCache
from gateway.exchange import Answer, GatewayRequest
from gateway.feedback import FeedbackEndpoint
from gateway.health import Health
from gateway.pipeline import Pipeline
from gateway.reads import Reads
from gateway.retrieval import RetrievalEndpoints
from gateway.tool_results import ToolResultEndpoints
from routing.engine.executor import Engine
from routing.providers.sandbox_transport import SandboxUpstream
from tests.gateway.doubles import DictSpecSource, RecordingEmitter

CLEAR_KEY = "local-dev"
ALL = frozenset(Capability)
PRICE = PriceSpec(input=1_000_000_000, output=2_000_000_000)


def sandbox_target(
    name: str = "small", *, options: JsonObject | None = None, price: PriceSpec | None = PRICE, **fields: Any
) -> TargetSpec:
    """A sandbox model at a provider of its own, so that failures and limits are its own too."""
    provider = ProviderSpec(
        id=f"provider-{name}",
        name=f"sandbox-{name}",
        kind="sandbox",
        base_url="sandbox://",
        options=options or {},
        **{key: fields.pop(key) for key in list(fields) if key in ProviderSpec.__struct_fields__},
    )
    model = ModelSpec(id=f"model-{name}", name=name, wire_name=name, capabilities=ALL, price=price)
    return TargetSpec(id=f"target-{name}", provider=provider, model=model, **fields)


class NoRuns:
    """A run store that is empty."""

    async def read(self, tenant_id: str, correlation_id: str) -> JsonObject | None:
        return None


class NoUsage:
    """A ledger that is empty."""

    async def read(self, query: UsageQuery) -> UsagePage:
        return UsagePage(rows=[], total=UsageFigures())


class NoSignals:
    """Nothing was counted."""

    async def rule_hits(self, tenant_id: str, times: Sequence[tuple[int, int]]) -> list[list[RuleHits]]:
        return [[] for _ in times]

    async def kept_answers(self, tenant_id: str, times: Sequence[tuple[int, int]]) -> list[list[KeptAnswers]]:
        return [[] for _ in times]


class NoFeedback:
    """Nobody's calls are known."""

    async def take(self, feedback: Feedback) -> FeedbackTaken:
        raise RunNotFound("There is no run with this correlation id.")


class PresentPrices:
    """Prices that always were what they are."""

    def __init__(self, targets: Sequence[TargetSpec]) -> None:
        self._prices = {target.model.id: target.model.price for target in targets}

    async def read(self, model_id: str, tenant_id: str, start_ms: int, end_ms: int) -> PriceTimeline:
        return PriceTimeline(price=self._prices.get(model_id))


class Stand:
    """Endpoints with one tenant whose default route has the given targets."""

    def __init__(
        self,
        *targets: TargetSpec,
        limits: tuple[LimitSpec, ...] = (),
        upstream: Upstream | None = None,
        admission: Admission | None = None,
        key: JsonObject | None = None,
        tenant: JsonObject | None = None,
        route: JsonObject | None = None,
        tracer: CallTracer | None = None,
        usage: UsageReader | None = None,
        prices: PriceReader | None = None,
        signals: SignalReader | None = None,
        feedback: FeedbackTaker | None = None,
        retrieval: RetrievalParts | None = None,
    ) -> None:
        clock = SystemClock()
        self.emitter = RecordingEmitter()
        targets = targets or (sandbox_target(),)
        route_fields: JsonObject = {"retry": RetrySpec(base_ms=1, cap_ms=2), **(route or {})}
        self.route = RouteSpec(id="route-1", name="default", targets=targets, **route_fields)
        platform = PlatformSpec(
            default_route="default",
            routes=(self.route,),
            models={target.model.name: target for target in targets},
        )
        self.source = DictSpecSource(platform=platform)
        digest = hashlib.sha256(CLEAR_KEY.encode()).hexdigest()
        self.source.keys[digest] = KeySpec(id="key-1", tenant_id="tenant-1", **(key or {}))
        self.source.tenants["tenant-1"] = TenantSpec(id="tenant-1", slug="demo", limits=limits, **(tenant or {}))
        specs = SpecCache(self.source, clock=clock, ttl_s=30, key_cache_size=10, tenant_cache_size=10)
        authenticator = Authenticator(specs, clock)
        self.engine = Engine(
            upstream=upstream or SandboxUpstream(), emitter=self.emitter, clock=clock, random=Random(1)
        )
        admission = admission or Admission(RedisWire("redis://127.0.0.1:1"), emitter=self.emitter, clock=clock)
        guarding = Guarding(self.emitter)
        self.search = Search(retrieval, emitter=self.emitter, clock=clock)
        self.grounding = GroundingStep(self.search, emitter=self.emitter, clock=clock, guarding=guarding)
        self.pipeline = Pipeline(
            specs=specs,
            authenticator=authenticator,
            admission=admission,
            engine=self.engine,
            emitter=self.emitter,
            tracer=tracer or CallTracer(),
            clock=clock,
            guarding=guarding,
            grounding=self.grounding,
        )
        self.retrieval = RetrievalEndpoints(
            self.search,
            authenticator=authenticator,
            admission=admission,
            serve=self.pipeline.serve,
            clock=clock,
            withholding=Withholding(specs, guarding=guarding, emitter=self.emitter),
        )
        self.endpoints = Endpoints(
            pipeline=self.pipeline,
            reads=Reads(specs=specs, authenticator=authenticator, runs=NoRuns()),
            analytics=Analytics(
                specs=specs,
                authenticator=authenticator,
                usage=usage or NoUsage(),
                prices=prices or PresentPrices(targets),
                signals=signals or NoSignals(),
                clock=clock,
            ),
            tools=ToolResultEndpoints(
                authenticator=authenticator, results=ToolResults(None, emitter=self.emitter, clock=clock)
            ),
            feedback=FeedbackEndpoint(authenticator=authenticator, taker=feedback or NoFeedback()),
            retrieval=self.retrieval,
            health=Health(probes={}, targets=self.engine.snapshot, metrics=lambda: b""),
        )

    async def send(
        self, path: str, body: Any = None, *, method: str = "POST", key: str = CLEAR_KEY, **headers: str
    ) -> Answer:
        """One request through the table of endpoints."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            given["authorization"] = f"Bearer {key}"
        bare, _, query = path.partition("?")
        found = self.endpoints.find(bare, method)
        assert found is not None
        return await serve(
            *found,
            GatewayRequest(
                method=method,
                path=bare,
                query=query,
                headers=given,
                client_ip="127.0.0.1",
                body=body if isinstance(body, bytes) else msgspec.json.encode(body),
                received_at=SystemClock().monotonic(),
            ),
        )

    async def chat(self, content: str = "Hello", **fields: Any) -> Answer:
        """One chat completion."""
        return await self.send("/v1/chat/completions", {"messages": [{"role": "user", "content": content}], **fields})

    def only(self, kind: type[EventPayload]) -> Any:
        """The one event of this kind."""
        [payload] = self.emitter.payloads(kind)
        return payload


def json_of(answer: Answer) -> Any:
    """The answer's JSON."""
    return msgspec.json.decode(answer.body)


async def read(answer: Answer) -> bytes:
    """A stream to its end."""
    assert answer.stream is not None
    return b"".join([piece async for piece in answer.stream])


def sse_objects(data: bytes) -> list[Any]:
    """The JSON of each event of a stream, in order; ``[DONE]`` as text."""
    found = []
    for line in data.splitlines():
        if line.startswith(b"data: "):
            text = line.removeprefix(b"data: ")
            found.append("[DONE]" if text == b"[DONE]" else msgspec.json.decode(text))
    return found
