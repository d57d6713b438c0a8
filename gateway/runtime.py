"""Everything a gateway worker is made of, put together and started in order. Knows no Django.

What differs between installations and what Django has to provide comes in as arguments; see :mod:`gateway.wiring`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from contracts.chat import JsonObject
from contracts.clock import SystemClock
from contracts.errors import ServiceUnavailable
from contracts.events import EventContext, GatewayWorkerStarted
from contracts.ports import (
    DependencyProbe,
    FeedbackTaker,
    ModelQuestion,
    PriceReader,
    RunReader,
    SignalReader,
    SpecSource,
    SpendReader,
    UsageReader,
)
from contracts.retrieval import registered_retrieval
from contracts.specs import PlatformSpec, TenantSpec
from events.engine import EventOutlet
from events.engine.redis_wire import RedisUnavailable, RedisWire
from events.engine.tracing import CallTracer
from gateway.analytics import Analytics
from gateway.endpoints import Endpoints
from gateway.engine.admission import Admission
from gateway.engine.authentication import Authenticator
from gateway.engine.cache.answers import AnswerCache
from gateway.engine.cache.tool_results import ToolResults
from gateway.engine.config_listener import ConfigListener
from gateway.engine.grounding.searching import Search
from gateway.engine.grounding.step import GroundingStep
from gateway.engine.grounding.withholding import Withholding
from gateway.engine.guarding import Guarding
from gateway.engine.guardrail_questions import TRYING
from gateway.engine.inside_calls import InsideCalls
from gateway.engine.live_sampling import LiveSampling
from gateway.engine.rehearsal import Rehearsal
from gateway.engine.spec_cache import SpecCache
from gateway.feedback import FeedbackEndpoint
from gateway.health import Health
from gateway.pipeline import Pipeline
from gateway.reads import Reads
from gateway.retrieval import RetrievalEndpoints
from gateway.tool_results import ToolResultEndpoints
from routing.engine.executor import Engine
from routing.engine.pulse import Pulse

log = logging.getLogger(__name__)

STOP_S = 8.0
"""Longer than the event outlet's own wait for its last events to be confirmed."""


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator sets. Times are seconds unless the name says otherwise."""

    redis_url: str
    workers: int
    spec_ttl_s: float
    key_cache_size: int
    tenant_cache_size: int
    service_name: str
    env: str
    otlp_endpoint: str = ""


class GatewayRuntime:
    """One worker's data plane; use it from the event loop on which it was started."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        source: SpecSource,
        runs: RunReader,
        spending: SpendReader,
        usage: UsageReader,
        prices: PriceReader,
        signals: SignalReader,
        feedback: FeedbackTaker,
        outlet: EventOutlet,
        engine: Engine,
        probes: Mapping[str, DependencyProbe],
        on_stop: Sequence[Callable[[], None]] = (),
    ) -> None:
        clock = SystemClock()
        self.worker_id = f"worker-{uuid.uuid4().hex[:12]}"
        self._on_stop = tuple(on_stop)
        self._outlet = outlet
        self._engine = engine
        self._specs = SpecCache(
            source,
            clock=clock,
            ttl_s=config.spec_ttl_s,
            key_cache_size=config.key_cache_size,
            tenant_cache_size=config.tenant_cache_size,
        )
        self._wire = RedisWire(config.redis_url)
        self._tracer = CallTracer.to_endpoint(config.otlp_endpoint, service_name=config.service_name, env=config.env)
        self._admission = Admission(
            self._wire,
            emitter=outlet.emitter,
            clock=clock,
            workers=config.workers,
            spend_reader=spending,
            worker_id=self.worker_id,
        )
        self._pulse = Pulse(self._wire, worker_id=self.worker_id, recent=engine.recent, clock=clock)
        engine.on_transition = self._pulse.wake
        self._listener = ConfigListener(
            config.redis_url,
            self._specs,
            others=self._admission.channels,
            on_subscribed=self._admission.messages_missed,
        )
        self.authenticator = Authenticator(self._specs, clock)
        # Kept answers are large: on a connection of their own they hold up no admission.
        self._cache_wire = RedisWire(config.redis_url)
        self._answers = AnswerCache(self._cache_wire, emitter=outlet.emitter, clock=clock)
        self._guarding = Guarding(outlet.emitter)
        self._sampling = LiveSampling(self._cache_wire, clock=clock)
        search = Search(registered_retrieval(), emitter=outlet.emitter, clock=clock)
        self._grounding = GroundingStep(search, emitter=outlet.emitter, clock=clock, guarding=self._guarding)
        pipeline = Pipeline(
            specs=self._specs,
            authenticator=self.authenticator,
            admission=self._admission,
            engine=engine,
            emitter=outlet.emitter,
            tracer=self._tracer,
            clock=clock,
            guarding=self._guarding,
            cache=self._answers,
            sampling=self._sampling,
            grounding=self._grounding,
        )
        self.inside_calls = InsideCalls(pipeline.serve, specs=self._specs, clock=clock)
        self.rehearsal = Rehearsal(specs=self._specs, entrance=pipeline.entrance, engine=engine, clock=clock)
        self._retrieval = RetrievalEndpoints(
            search,
            authenticator=self.authenticator,
            admission=self._admission,
            serve=pipeline.serve,
            clock=clock,
            withholding=Withholding(self._specs, guarding=self._guarding, emitter=outlet.emitter),
        )
        self.endpoints = Endpoints(
            pipeline=pipeline,
            reads=Reads(specs=self._specs, authenticator=self.authenticator, runs=runs),
            analytics=Analytics(
                specs=self._specs,
                authenticator=self.authenticator,
                usage=usage,
                prices=prices,
                signals=signals,
                clock=clock,
            ),
            tools=ToolResultEndpoints(
                authenticator=self.authenticator,
                results=ToolResults(self._cache_wire, emitter=outlet.emitter, clock=clock),
            ),
            feedback=FeedbackEndpoint(authenticator=self.authenticator, taker=feedback),
            retrieval=self._retrieval,
            health=Health(
                probes={**probes, "redis": self._probe_redis, "event_spool": self._probe_spool},
                targets=engine.snapshot,
                metrics=outlet.metrics.render,
            ),
        )

    async def start(self) -> None:
        """Connect and begin shipping events. Dependencies that are down delay nothing."""
        await self._wire.start()
        await self._cache_wire.start()
        await self._outlet.start()
        await self._engine.start()
        self._admission.start()
        self._pulse.start()
        await self._listener.start()
        self._outlet.emitter.emit(GatewayWorkerStarted(worker_id=self.worker_id, pid=os.getpid()), EventContext())

    async def stop(self) -> None:
        """Hand over what is still to be settled and shipped, then close everything.

        Each part has a time limit: one that hangs must not keep the others from handing over theirs.
        """
        await _ended("config listener", self._listener.stop())
        await _ended("pulse", self._pulse.stop())
        await _ended("guarding", self._guarding.stop())
        await _ended("grounding", self._grounding.stop())
        await _ended("admission", self._admission.stop())
        await _ended("routing engine", self._engine.aclose())
        await _ended("admission's Redis connection", self._wire.stop())
        await _ended("live sampling", self._sampling.stop())
        await _ended("cache of answers", self._answers.stop())
        await _ended("the cache's Redis connection", self._cache_wire.stop())
        await _ended("event outlet", self._outlet.stop())
        self._tracer.close()
        self._retrieval.close()
        for close in self._on_stop:
            close()

    async def ask_for(self, tenant_id: str, question: ModelQuestion) -> str:
        """Ask a model in the name of a tenant and of none of its keys: for texts that are tried on a policy.

        Raises:
            GatewayError: there is no such tenant or route, or the call was refused or failed.
        """
        tenant = await self._specs.tenant(tenant_id)
        questions = self._guarding.questions
        if tenant is None or questions is None:
            raise ServiceUnavailable("The gateway does not know this tenant.")
        return await questions.of(tenant, TRYING, "").ask(question)

    async def specs_for(self, tenant_id: str) -> tuple[TenantSpec | None, PlatformSpec]:
        """What calls of the tenant go by right now, as pages show it.

        Raises:
            ServiceUnavailable: not in memory, and PostgreSQL is down.
        """
        return await self._specs.tenant(tenant_id), await self._specs.platform()

    async def _probe_redis(self) -> JsonObject:
        try:
            await self._wire.call("PING")
        except RedisUnavailable as error:
            return {"status": "down", "error": str(error), "admission": "local limits"}
        state = "degraded" if self._admission.degraded else "ok"
        return {"status": state, "admission": "shared limits", "config_changes_heard": self._listener.subscribed}

    async def _probe_spool(self) -> JsonObject:
        spool = self._outlet.spool
        return {"status": "ok", "bytes": spool.size_bytes, "max_bytes": spool.max_bytes}


async def _ended(part: str, stopping: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(stopping)
    done, _ = await asyncio.wait({task}, timeout=STOP_S)
    if not done:
        log.error("%s did not stop within %s s", part, STOP_S)
        task.cancel()
    elif (error := task.exception()) is not None:
        log.error("%s did not stop cleanly", part, exc_info=error)
