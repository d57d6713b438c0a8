"""A call's life, step by step. Read :meth:`Pipeline.serve` from top to bottom.

Each step is a small method over one :class:`gateway.engine.call.Call`. Whatever happens, a call that was
started is settled exactly once and ends in exactly one ``llm.request.completed`` or ``llm.request.failed``,
which is in the spool before the client sees the last byte.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from functools import partial

import msgspec

from contracts.chat import ChatRequest, ChatResult, EmbeddingRequest, JsonObject, Usage
from contracts.errors import GatewayError, InternalError
from contracts.events import RequestRejected, RequestStarted
from contracts.ids import new_correlation_id, new_span_id, new_trace_id
from contracts.ports import Clock, Emitter
from events.engine.tracing import CallTracer, parse_traceparent
from gateway.engine.admission import Admission
from gateway.engine.authentication import Authenticator, presented_key
from gateway.engine.call import Call, StreamTally
from gateway.engine.headers import answer_headers, error_headers
from gateway.engine.limits import applied_limits
from gateway.engine.outcome import completed_event, failed_event
from gateway.engine.request_budget import apply_budget
from gateway.engine.settlement import usage_of_result, usage_of_stream
from gateway.engine.spec_cache import SpecCache
from gateway.engine.trace import trace_of
from gateway.exchange import Answer, GatewayRequest
from gateway.formats.base import AnswerFacts, ChatFormat, StreamRenderer
from gateway.formats.embeddings import parse_embeddings, render_embeddings
from gateway.formats.validation import decode_object, tags_of
from routing.engine.call import EngineCall, Plan
from routing.engine.cost import cost_nanousd
from routing.engine.executor import Engine
from routing.engine.select import resolve_route
from routing.engine.stream import LiveStream
from routing.engine.tokens import estimate_embedding_tokens, estimate_input_tokens

log = logging.getLogger(__name__)

LEASE_MARGIN_MS = 5_000
"""A concurrency place outlives its call's deadline by this, for the settlement to arrive."""

DEFAULT_OUTPUT_RESERVATION = 1_024
"""Output tokens reserved against token limits when neither the caller nor the model caps the output."""

_encode = msgspec.json.Encoder().encode


class Pipeline:
    """Serves model calls; one instance per gateway worker."""

    def __init__(
        self,
        *,
        specs: SpecCache,
        authenticator: Authenticator,
        admission: Admission,
        engine: Engine,
        emitter: Emitter,
        tracer: CallTracer,
        clock: Clock,
        known_modes: frozenset[str] = frozenset({"direct"}),
    ) -> None:
        self._specs = specs
        self._authenticator = authenticator
        self._admission = admission
        self._engine = engine
        self._emitter = emitter
        self._tracer = tracer
        self._clock = clock
        self._known_modes = known_modes

    async def serve(self, exchange: GatewayRequest, *, endpoint: str, format_: ChatFormat | None) -> Answer:
        """Answer one call; ``format_`` is None for embeddings. Never raises but for cancellation."""
        call = self._begin(exchange, endpoint, "chat" if format_ is not None else "embeddings")
        try:
            await self._authenticate(call)
            self._parse(call, format_)
            await self._route(call)
            await self._admit(call)
        except GatewayError as error:
            return self._reject(call, error, format_)
        except Exception:
            log.exception("refusing a request failed", extra={"correlation_id": call.correlation_id})
            return self._reject(call, InternalError("Internal error."), format_)
        try:
            self._start(call)
            plan = self._plan(call)
            if format_ is None:
                return await self._embed(call, plan)
            if call.streamed:
                return await self._stream(call, plan, format_)
            return await self._complete(call, plan, format_)
        except GatewayError as error:
            return self._fail(call, error, format_)
        except asyncio.CancelledError:
            self._abandon(call)
            raise
        except Exception:
            log.exception("a call failed", extra={"correlation_id": call.correlation_id})
            return self._fail(call, InternalError("Internal error."), format_)

    # --- before the call counts --------------------------------------------------------------------

    def _begin(self, exchange: GatewayRequest, endpoint: str, operation: str) -> Call:
        incoming = parse_traceparent(exchange.headers.get("traceparent"))
        return Call(
            exchange=exchange,
            endpoint=endpoint,
            operation=operation,
            correlation_id=new_correlation_id(),
            trace_id=incoming.trace_id if incoming else new_trace_id(),
            span_id=new_span_id(),
            parent_span_id=incoming.span_id if incoming else "",
            started_at_ns=time.time_ns(),
        )

    async def _authenticate(self, call: Call) -> None:
        clear_key = presented_key(call.exchange.headers)
        call.key, call.tenant = await self._authenticator.authenticate(
            clear_key, call.exchange.client_ip, call.operation
        )
        call.tenant_id = call.tenant.id

    def _parse(self, call: Call, format_: ChatFormat | None) -> None:
        body = decode_object(call.exchange.body)
        headers = call.exchange.headers
        call.request = format_.parse(body, headers) if format_ is not None else parse_embeddings(body)
        call.tags = tags_of(call.request.tags)

    async def _route(self, call: Call) -> None:
        call.route, call.route_reason = resolve_route(
            call.tenant,
            await self._specs.platform(),
            call.key,
            model=call.request.model,
            mode=call.request.mode if isinstance(call.request, ChatRequest) else "direct",
            tags=call.tags,
            headers=call.exchange.headers,
            known_modes=self._known_modes,
        )

    async def _admit(self, call: Call) -> None:
        estimated = _estimate(call.request)
        total_ms = call.route.total_timeout_ms
        if call.route.max_latency_ms is not None and not call.streamed:
            total_ms = min(total_ms, call.route.max_latency_ms)
        call.engine = EngineCall(
            context=call.context,
            deadline=call.exchange.received_at + total_ms / 1000,
            user=call.request.user,
            estimated_input_tokens=estimated,
            traceparent=f"00-{call.trace_id}-{call.span_id}-01",
        )
        call.ticket = await self._admission.admit(
            call.correlation_id,
            applied_limits(
                call.tenant, call.key, user=call.request.user, tokens=estimated + _reserved_output(call.request)
            ),
            lease_ms=total_ms + LEASE_MARGIN_MS,
            fail_open=call.tenant.fail_open,
            meanwhile=partial(self._draft, call),
        )

    def _draft(self, call: Call) -> None:
        call.draft = self._engine.draft(call.request, call.route, call.route_reason, call.engine)

    def _reject(self, call: Call, error: GatewayError, format_: ChatFormat | None) -> Answer:
        if call.tenant_id:
            # Without a tenant there is nobody to tell, and a flood of bad keys must not become a flood of rows.
            rejected = RequestRejected(
                endpoint=call.endpoint,
                error_code=error.code,
                error_message=error.message,
                http_status=error.status,
                key_id=call.key.id,
            )
            self._emitter.emit(rejected, call.context)
            self._emitter.flush()
        return self._error_answer(call, error, format_)

    # --- the call --------------------------------------------------------------------------------

    def _start(self, call: Call) -> None:
        chat = call.request if isinstance(call.request, ChatRequest) else None
        started = RequestStarted(
            endpoint=call.endpoint,
            operation=call.operation,
            key_id=call.key.id,
            team_id=call.key.team_id,
            requested_model=call.request.model,
            mode=chat.mode if chat is not None else "direct",
            stream=call.streamed,
            user=call.request.user,
            tags=call.tags,
            estimated_input_tokens=call.engine.estimated_input_tokens,
            input=_stored_input(call.request) if call.tenant.store_payloads else None,
        )
        self._emitter.emit(started, call.context)

    def _plan(self, call: Call) -> Plan:
        plan = self._engine.decide(call.draft, call.engine)
        call.target = plan.targets[0]
        if isinstance(call.request, ChatRequest):
            apply_budget(call.request, plan.targets, call.engine.estimated_input_tokens)
        return plan

    async def _complete(self, call: Call, plan: Plan, format_: ChatFormat) -> Answer:
        assert isinstance(call.request, ChatRequest)
        completion = await self._engine.complete(plan, call.request, call.engine)
        call.target = completion.target
        call.usage = usage_of_result(completion.result, call.engine.estimated_input_tokens)
        call.finish_reason = completion.result.finish_reason
        if call.tenant.store_payloads:
            call.output = _stored_output(completion.result)
        facts = self._facts(call)
        body = _encode(format_.render(completion.result, facts))
        self._end_completed(call, facts)
        return Answer(200, answer_headers(call, facts, b"application/json"), body)

    async def _embed(self, call: Call, plan: Plan) -> Answer:
        assert isinstance(call.request, EmbeddingRequest)
        completion = await self._engine.embed(plan, call.request, call.engine)
        call.target = completion.target
        call.usage = completion.result.usage or Usage(input_tokens=call.engine.estimated_input_tokens, estimated=True)
        facts = self._facts(call)
        body = _encode(render_embeddings(completion.result, facts))
        self._end_completed(call, facts)
        return Answer(200, answer_headers(call, facts, b"application/json"), body)

    async def _stream(self, call: Call, plan: Plan, format_: ChatFormat) -> Answer:
        assert isinstance(call.request, ChatRequest)
        live = await self._engine.stream(plan, call.request, call.engine)
        call.target = live.target
        call.first_token_ms = self._elapsed_ms(call)
        call.tally = StreamTally(texts=[] if call.tenant.store_payloads else None)
        renderer = format_.open_stream(call.request, correlation_id=call.correlation_id)
        headers = answer_headers(call, None, b"text/event-stream; charset=utf-8")
        headers.append((b"cache-control", b"no-cache"))
        headers.append((b"x-accel-buffering", b"no"))
        return Answer(200, headers, stream=self._relay(call, live, renderer))

    async def _relay(self, call: Call, live: LiveStream, renderer: StreamRenderer) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in live:
                call.tally.note(chunk)
                if rendered := renderer.feed(chunk):
                    yield rendered
            self._settle_stream(call, live)
            facts = self._facts(call)
            last = renderer.finish(facts)
            self._end_completed(call, facts)
        except GatewayError as error:
            self._settle_stream(call, live)
            last = renderer.error(error)
            self._end_failed(call, error)
        except (asyncio.CancelledError, GeneratorExit):
            self._settle_stream(call, live)
            self._abandon(call)
            raise
        except Exception:
            log.exception("a stream failed", extra={"correlation_id": call.correlation_id})
            self._settle_stream(call, live)
            internal = InternalError("Internal error.")
            last = renderer.error(internal)
            self._end_failed(call, internal)
        finally:
            await live.aclose()
        yield last

    def _settle_stream(self, call: Call, live: LiveStream) -> None:
        call.usage = usage_of_stream(live.usage, call.tally.characters, call.engine.estimated_input_tokens)
        call.finish_reason = call.tally.finish_reason
        if call.tally.texts is not None:
            call.output = "".join(call.tally.texts)

    # --- settle, emit, answer ----------------------------------------------------------------------

    def _facts(self, call: Call) -> AnswerFacts:
        assert call.target is not None
        assert call.usage is not None
        return AnswerFacts(
            correlation_id=call.correlation_id,
            trace_id=call.trace_id,
            route=call.route.name,
            provider=call.target.provider.name,
            model=call.target.model.name,
            usage=call.usage,
            cost_nanousd=cost_nanousd(call.usage, call.price),
        )

    def _end_completed(self, call: Call, facts: AnswerFacts) -> None:
        self._settle(call)
        duration_ms = self._elapsed_ms(call)
        self._emitter.emit(completed_event(call, facts, duration_ms), call.context)
        self._emitter.flush()
        self._trace(call, duration_ms, None, 200)

    def _end_failed(self, call: Call, error: GatewayError, *, code: str = "", status: int = 0) -> None:
        self._settle(call)
        duration_ms = self._elapsed_ms(call)
        failed = failed_event(call, error, duration_ms, code or error.code, status or error.status)
        self._emitter.emit(failed, call.context)
        self._emitter.flush()
        self._trace(call, duration_ms, failed.error_code, failed.http_status)

    def _fail(self, call: Call, error: GatewayError, format_: ChatFormat | None) -> Answer:
        if not call.ended:
            if call.engine.attempts:
                call.target = call.engine.attempts[-1].target
            self._end_failed(call, error)
        return self._error_answer(call, error, format_)

    def _abandon(self, call: Call) -> None:
        """The client left (or the worker is stopping): the call is over, and what was used is billed."""
        if not call.ended:
            gone = InternalError("The client closed the connection before the answer was complete.")
            self._end_failed(call, gone, code="CLIENT_DISCONNECTED", status=499)

    def _settle(self, call: Call) -> None:
        call.ended = True
        if call.ticket is not None:
            self._admission.settle(call.ticket, tokens=call.usage.total_tokens if call.usage is not None else 0)

    def _trace(self, call: Call, duration_ms: float, error_code: str | None, status: int) -> None:
        if self._tracer.enabled:
            self._tracer.record(trace_of(call, duration_ms, error_code, status))

    def _elapsed_ms(self, call: Call) -> float:
        return (self._clock.monotonic() - call.exchange.received_at) * 1000

    def _error_answer(self, call: Call, error: GatewayError, format_: ChatFormat | None) -> Answer:
        headers = answer_headers(call, None, b"application/json") + error_headers(error)
        body = (
            format_.error_body(error, call.correlation_id)
            if format_ is not None
            else error.as_body(call.correlation_id)
        )
        return Answer(error.status, headers, _encode(body))


def _estimate(request: ChatRequest | EmbeddingRequest) -> int:
    if isinstance(request, ChatRequest):
        return estimate_input_tokens(request)
    return estimate_embedding_tokens(request)


def _reserved_output(request: ChatRequest | EmbeddingRequest) -> int:
    if not isinstance(request, ChatRequest):
        return 0
    return (request.max_output_tokens or DEFAULT_OUTPUT_RESERVATION) * (request.n or 1)


def _stored_input(request: ChatRequest | EmbeddingRequest) -> object:
    return request.body.get("messages") if isinstance(request, ChatRequest) else request.body.get("input")


def _stored_output(result: ChatResult) -> JsonObject | None:
    choices = result.body.get("choices") or [{}]
    message = choices[0].get("message")
    return message if isinstance(message, dict) else None
