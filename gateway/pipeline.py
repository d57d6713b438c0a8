"""A call's life, step by step. Read :meth:`Pipeline.serve` from top to bottom.

Each step is a small method over one :class:`gateway.engine.call.Call`. Whatever happens, a call that was
started is settled exactly once and ends in exactly one ``llm.request.completed`` or ``llm.request.failed``,
which is in the spool before the client sees the last byte.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable
from functools import partial
from typing import TypeVar

import msgspec

from contracts.chat import ChatChunk, ChatRequest, ChatResult, EmbeddingRequest, Usage
from contracts.errors import ContentBlocked, GatewayError, InternalError
from contracts.events import RequestRejected
from contracts.ports import Clock, Emitter
from contracts.specs import PayloadStorage
from events.engine.tracing import CallTracer
from gateway.engine.admission import Admission
from gateway.engine.authentication import Authenticator, presented_key
from gateway.engine.cache.answers import AnswerCache
from gateway.engine.cache.entry import KeptAnswer
from gateway.engine.cache.recording import Replay
from gateway.engine.call import Call, StreamTally, begun, end_of_cut_stream, end_of_withheld_stream
from gateway.engine.entrance import Entrance
from gateway.engine.grounding.searching import Search
from gateway.engine.grounding.step import GroundingStep, applies
from gateway.engine.guarded_stream import GuardedStream
from gateway.engine.guarding import Guarding
from gateway.engine.guardrail_questions import Questions
from gateway.engine.headers import answer_headers, error_headers
from gateway.engine.live_sampling import LiveSampling, answer_in
from gateway.engine.outcome import answer_facts, completed_event, failed_event, started_event, stored_output
from gateway.engine.payloads import kept_payload
from gateway.engine.request_budget import apply_budget
from gateway.engine.settlement import usage_of_cut_stream, usage_of_result, usage_of_stream
from gateway.engine.spec_cache import SpecCache
from gateway.engine.trace import trace_of
from gateway.exchange import Answer, GatewayRequest
from gateway.formats.base import AnswerFacts, ChatFormat, StreamRenderer
from gateway.formats.chat_request import RAG
from gateway.formats.embeddings import parse_embeddings, render_embeddings
from gateway.formats.priority import is_batch
from gateway.formats.validation import decode_object, tags_of
from gateway.kept_ends import KeptEnd
from routing.engine.attempt import OUTPUT_CAP_REACHED
from routing.engine.call import Plan
from routing.engine.executor import Engine
from routing.engine.stream import LiveStream

log = logging.getLogger(__name__)

WITHHELD = "a guardrail withholds the answer"
"""Why such an attempt ended, for its event."""

_encode = msgspec.json.Encoder().encode
T = TypeVar("T")


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
        guarding: Guarding | None = None,
        cache: AnswerCache | None = None,
        sampling: LiveSampling | None = None,
        grounding: GroundingStep | None = None,
    ) -> None:
        self._authenticator = authenticator
        self._admission = admission
        self._engine = engine
        self._emitter = emitter
        self._tracer = tracer
        self._clock = clock
        self._guarding = guarding or Guarding(emitter)
        self._guarding.questions = Questions(self.serve, specs=specs, clock=clock)
        self._cache = cache or AnswerCache(None, emitter=emitter, clock=clock)
        self._sampling = sampling or LiveSampling(None, clock=clock)
        self._grounding = grounding or GroundingStep(
            Search(None, emitter=emitter, clock=clock), emitter=emitter, clock=clock, guarding=self._guarding
        )
        self._grounding.serve = self.serve
        if self._grounding.available:
            known_modes |= {RAG}
        self.entrance = Entrance(
            specs=specs, admission=admission, engine=engine, emitter=emitter, clock=clock, known_modes=known_modes
        )
        """The way in; rehearsals take it as well."""

    async def serve(self, exchange: GatewayRequest, *, endpoint: str, format_: ChatFormat | None) -> Answer:
        """Answer one call; ``format_`` is None for embeddings. Never raises but for cancellation."""
        call = begun(exchange, endpoint, "chat" if format_ is not None else "embeddings")
        try:
            await self._authenticate(call)
            self._parse(call, format_)
            await self.entrance.route(call)
            if call.policies:
                await self._guarding.guard_request(call, self.entrance.reroute)
            if applies(call):
                await self._grounding.find(call)
            await self._cache.look_up(call)
            await self._admit(call)
        except GatewayError as error:
            return self._reject(call, error, format_)
        except asyncio.CancelledError:
            self._cache.give_up(call)
            raise
        except Exception:
            log.exception("refusing a request failed", extra={"correlation_id": call.correlation_id})
            return self._reject(call, InternalError("Internal error."), format_)
        try:
            self._start(call)
            return await self._answer(call, format_)
        except GatewayError as error:
            return self._fail(call, error, format_)
        except asyncio.CancelledError:
            self._abandon(call)
            raise
        except Exception:
            log.exception("a call failed", extra={"correlation_id": call.correlation_id})
            return self._fail(call, InternalError("Internal error."), format_)

    # --- before the call counts --------------------------------------------------------------------

    async def _authenticate(self, call: Call) -> None:
        insider = call.exchange.insider
        if insider is not None:
            call.key, call.tenant, call.tenant_id = insider.key, insider.tenant, insider.tenant.id
            return
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
        call.batch_class = is_batch(call.request.priority, headers)

    async def _admit(self, call: Call) -> None:
        if call.kept is not None:
            hit = call.cache.hit
            await self.entrance.admit_hit(call, hit.billed_nanousd or 0 if hit is not None else 0)
            return
        if call.grounded is not None:
            self._grounding.fence(call)
        await self.entrance.admit(call)

    def _reject(self, call: Call, error: GatewayError, format_: ChatFormat | None) -> Answer:
        self._cache.give_up(call)
        if call.tenant_id:
            # Without a tenant there is nobody to tell, and a flood of bad keys must not become a flood of rows.
            rejected = RequestRejected(
                endpoint=call.endpoint,
                error_code=error.code,
                error_message=error.message,
                http_status=error.status,
                key_id=call.key.id,
                details=error.details,
            )
            self._emitter.emit(rejected, call.context)
            self._emitter.flush()
        return self._error_answer(call, error, format_)

    # --- the call --------------------------------------------------------------------------------

    def _start(self, call: Call) -> None:
        self._emitter.emit(started_event(call), call.context)
        self._cache.tell(call)

    def _plan(self, call: Call) -> Plan:
        plan = self._engine.decide(call.draft, call.engine)
        call.target = plan.targets[0]
        if isinstance(call.request, ChatRequest):
            cap = apply_budget(call.request, plan.targets, call.engine.estimated_input_tokens)
            if cap is not None:
                call.output_cap = cap
        return plan

    async def _answer(self, call: Call, format_: ChatFormat | None) -> Answer:
        if call.over_budget and call.policies:
            await self._guarding.guard_degraded(call)
        if (kept := call.kept) is not None and format_ is not None:
            return await self._answer_kept(call, kept, format_)
        plan = self._plan(call)
        if call.grounded is not None:
            self._grounding.resample(call)
        if format_ is None:
            return await self._embed(call, plan)
        if call.streamed:
            return await self._stream(call, plan, format_)
        return await self._complete(call, plan, format_)

    async def _answer_kept(self, call: Call, kept: KeptAnswer, format_: ChatFormat) -> Answer:
        if call.streamed:
            return self._open_stream(call, Replay(kept), format_)
        call.usage = kept.usage
        return await self._render(call, kept.result, format_)

    async def _counted(self, call: Call, asking: Awaitable[T]) -> T:
        """What the engine got, and the call is counted by then: it may have gone ahead of its admission."""
        assert call.ticket is not None
        try:
            got = await asking
        except GatewayError:
            await self._admission.confirm(call.ticket)
            raise
        if call.ticket.ahead is not None:
            try:
                await self._admission.confirm(call.ticket)
            except BaseException:
                if isinstance(got, LiveStream):
                    await got.aclose()
                raise
        return got

    async def _complete(self, call: Call, plan: Plan, format_: ChatFormat) -> Answer:
        assert isinstance(call.request, ChatRequest)
        completion = await self._counted(call, self._engine.complete(plan, call.request, call.engine))
        call.target = completion.target
        call.usage = usage_of_result(completion.result, call.engine.estimated_input_tokens)
        self._cache.pack(call, completion.result.body, answer_facts(call))
        return await self._render(call, completion.result, format_)

    async def _render(self, call: Call, result: ChatResult, format_: ChatFormat) -> Answer:
        if call.grounded is not None:
            await self._grounding.judge(call, result.text)
        if call.guard is not None:
            await self._guarding.guard_answer(call, result)
        self._cache.keep(call)
        if call.grounded is not None:
            await self._grounding.cite_whole(call, result)
        call.finish_reason = result.finish_reason
        call.output = kept_payload(call.tenant.payloads, stored_output(result))
        if call.tenant.live:
            self._sampling.choose(call)
            if call.wanted is not None:
                call.wanted.output = answer_in(result)
        facts = answer_facts(call)
        body = _encode(format_.render(result, facts))
        end = None
        if call.exchange.insider is not None and call.exchange.insider.keep is not None:
            end = KeptEnd.of(completed_event(call, facts, self._elapsed_ms(call)), call.context)
            await call.exchange.insider.keep(facts, body, end)
        self._end_completed(call, facts, end)
        return Answer(200, answer_headers(call, facts, b"application/json"), body)

    async def _embed(self, call: Call, plan: Plan) -> Answer:
        assert isinstance(call.request, EmbeddingRequest)
        completion = await self._counted(call, self._engine.embed(plan, call.request, call.engine))
        call.target = completion.target
        call.usage = completion.result.usage or Usage(input_tokens=call.engine.estimated_input_tokens, estimated=True)
        facts = answer_facts(call)
        body = _encode(render_embeddings(completion.result, facts))
        self._end_completed(call, facts)
        return Answer(200, answer_headers(call, facts, b"application/json"), body)

    async def _stream(self, call: Call, plan: Plan, format_: ChatFormat) -> Answer:
        assert isinstance(call.request, ChatRequest)
        live = await self._counted(call, self._engine.stream(plan, call.request, call.engine))
        call.target = live.target
        self._cache.open_recording(call)
        return self._open_stream(call, live, format_)

    def _open_stream(self, call: Call, live: LiveStream | Replay, format_: ChatFormat) -> Answer:
        assert isinstance(call.request, ChatRequest)
        call.first_token_ms = self._elapsed_ms(call)
        if call.tenant.live:
            self._sampling.choose(call)
        keeps = call.tenant.payloads is not PayloadStorage.NONE or call.wanted is not None
        call.tally = StreamTally(texts=[] if keeps else None)
        if call.output_cap is not None:
            call.tally.output_cap = call.output_cap * call.choices
        renderer = format_.open_stream(call.request, correlation_id=call.correlation_id)
        headers = answer_headers(call, None, b"text/event-stream; charset=utf-8")
        headers.append((b"cache-control", b"no-cache"))
        headers.append((b"x-accel-buffering", b"no"))
        guarded = self._guarding.open_stream(call) if call.guard is not None else None
        return Answer(200, headers, stream=self._relay(call, live, renderer, guarded))

    async def _relay(
        self, call: Call, live: LiveStream | Replay, renderer: StreamRenderer, guarded: GuardedStream | None
    ) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in live:
                if call.tally.beyond_cap(chunk):
                    await live.aclose(OUTPUT_CAP_REACHED)
                    chunk = end_of_cut_stream(chunk, call.choices)
                call.tally.note(chunk)
                self._cache.record(call, chunk)
                for said in await self._let_out(call, guarded, renderer, chunk):
                    yield said
            for rest in await self._let_out_rest(call, guarded, renderer):
                yield rest
            self._settle_stream(call, live, guarded)
            facts = answer_facts(call)
            self._cache.keep_stream(call, facts)
            last = renderer.finish(facts)
            self._end_completed(call, facts)
        except ContentBlocked as error:
            await live.aclose(WITHHELD)
            self._settle_stream(call, live, guarded)
            last = renderer.feed(end_of_withheld_stream(call.choices)) + renderer.error(error)
            self._end_failed(call, error)
        except GatewayError as error:
            self._settle_stream(call, live, guarded)
            last = renderer.error(error)
            self._end_failed(call, error)
        except (asyncio.CancelledError, GeneratorExit):
            self._settle_stream(call, live, guarded)
            self._abandon(call)
            raise
        except Exception:
            log.exception("a stream failed", extra={"correlation_id": call.correlation_id})
            self._settle_stream(call, live, guarded)
            internal = InternalError("Internal error.")
            last = renderer.error(internal)
            self._end_failed(call, internal)
        finally:
            await live.aclose()
        yield last

    async def _let_out(
        self, call: Call, guarded: GuardedStream | None, renderer: StreamRenderer, chunk: ChatChunk | None
    ) -> list[bytes]:
        """What the caller gets now that the provider has sent ``chunk``, or at the end of its answer where it is None.

        Raises:
            ContentBlocked: a rule withholds the rest.
        """
        if call.grounded is not None and chunk is not None:
            self._grounding.note(call, chunk, out=False)
        if guarded is not None:
            going = await self._guarding.pass_on(call, guarded, chunk)
        else:
            going = [chunk] if chunk is not None else []
        for one in going:
            call.tally.keep(one)
            if call.grounded is not None:
                self._grounding.note(call, one, out=True)
        return [said for said in map(renderer.feed, going) if said]

    async def _let_out_rest(self, call: Call, guarded: GuardedStream | None, renderer: StreamRenderer) -> list[bytes]:
        """What was held back until the answer's end; raises as :meth:`_let_out`."""
        if call.grounded is None:
            return await self._let_out(call, guarded, renderer, None)
        await self._grounding.judge(call, "".join(call.grounded.pieces))
        rest = await self._let_out(call, guarded, renderer, None)
        await self._grounding.cite(call, "".join(call.grounded.said))
        return rest

    def _settle_stream(self, call: Call, live: LiveStream | Replay, guarded: GuardedStream | None) -> None:
        if guarded is not None:
            self._guarding.settle_stream(call, guarded)
        tally, estimated = call.tally, call.engine.estimated_input_tokens
        if tally.cut and tally.output_cap is not None:
            call.usage = usage_of_cut_stream(
                live.usage, tally.output_tokens, tally.characters, tally.output_cap, estimated
            )
        else:
            call.usage = usage_of_stream(live.usage, tally.characters, estimated)
        call.finish_reason = call.tally.finish_reason
        if call.tally.texts is not None:
            said = "".join(call.tally.texts)
            call.output = kept_payload(call.tenant.payloads, said)
            if call.wanted is not None:
                call.wanted.output = said

    # --- settle, emit, answer ----------------------------------------------------------------------

    def _end_completed(self, call: Call, facts: AnswerFacts, end: KeptEnd | None = None) -> None:
        self._settle(call)
        duration_ms = self._elapsed_ms(call)
        if end is None:
            self._emitter.emit(completed_event(call, facts, duration_ms), call.context)
        else:
            self._emitter.emit(end.payload, end.context)
        self._emitter.flush()
        if call.wanted is not None:
            self._sampling.hand_on(call, facts, duration_ms)
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
        self._cache.give_up(call)
        if call.grounded is not None:
            self._grounding.end(call)
        if call.ticket is not None:
            usage = call.usage
            cost = call.cost_of(usage) if usage is not None and call.ticket.budgets else 0
            tokens = call.used(usage).total_tokens if usage is not None else 0
            settle = partial(self._admission.settle, call.ticket, tokens=tokens, cost_nanousd=cost or 0)
            # The caller has its answer first.
            asyncio.get_running_loop().call_soon(settle)

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
