"""The steps of a call whose answer rests on documents. A call in another mode never comes here."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from contracts.chat import GATEWAY_FIELDS, ChatChunk, ChatRequest, ChatResult, JsonObject, Message, Usage
from contracts.errors import InvalidRequest, RetrievalUnavailable
from contracts.ports import Clock, Emitter
from contracts.retrieval import Grounding, Retrieved
from gateway.engine.cache.entry import KeptAnswer
from gateway.engine.call import Call
from gateway.engine.grounding.asked import check_options, options_of, plain_filters, query_of, question_of
from gateway.engine.grounding.assessing import Assessing, agreement, judge_route
from gateway.engine.grounding.choosing import chosen, is_relevant, room
from gateway.engine.grounding.citing import citations, url_citations
from gateway.engine.grounding.fence import fence, says_so, unsupported_text
from gateway.engine.grounding.grounded import Grounded
from gateway.engine.grounding.in_callers_name import JUDGING, SOURCE, InCallersName
from gateway.engine.grounding.screening import screened
from gateway.engine.grounding.searching import Search
from gateway.engine.guarding import Guarding
from gateway.exchange import Serve
from gateway.formats.chat_request import RAG

log = logging.getLogger(__name__)

NOBODY: Final = "breakwater"
"""In place of a provider, where no model was asked."""
VARIED: Final = 0.7
"""Temperature of answers that are asked for once more: at 0 they would say the same for no reason."""


class GroundingStep:
    """One per gateway worker."""

    def __init__(self, search: Search, *, emitter: Emitter, clock: Clock, guarding: Guarding) -> None:
        self._search = search
        self._emitter = emitter
        self._clock = clock
        self._guarding = guarding
        self._assessing = Assessing(emitter)
        self.serve: Serve | None = None
        """By which models are asked for the search; the pipeline's own, set by it."""

    @property
    def available(self) -> bool:
        """Whether there is anything to search."""
        return self._search.parts is not None

    # --- before the answer -------------------------------------------------------------------------------

    async def find(self, call: Call) -> None:
        """Find what the answer is to rest on.

        Raises:
            InvalidRequest: there is no such collection, or what is asked for cannot be looked for.
            RateLimited: too many searches of the tenant are under way.
            RetrievalUnavailable: nothing can be searched, and a collection does not let calls go on without.
        """
        request = call.request
        assert isinstance(request, ChatRequest)
        if not self.available:
            raise InvalidRequest("No documents can be searched here: mode 'rag' is not set up.", param="mode")
        options = options_of(request)
        check_options(options)
        started, started_at_ns = self._clock.monotonic(), time.time_ns()
        messages: list[JsonObject] = request.body["messages"]
        question, history = question_of(messages)
        names = tuple(dict.fromkeys(options.collections or ()))
        terms = await self._search.terms(call.tenant_id, names, param="retrieval.collections", context=call.context)
        query = query_of(options, tenant_id=call.tenant_id, tags=call.key.access_tags, text=question, history=history)
        helper = self._helper(call)
        retrieved: Retrieved | None = None
        try:
            retrieved = await self._search.find(
                query,
                terms,
                tenant=call.tenant,
                key_id=call.key.id,
                context=call.context,
                embed=helper.embed,
                ask=helper.ask,
            )
        except RetrievalUnavailable:
            if not all(one.fail_open for one in terms):
                raise
        grounded = Grounded(question, tuple(one.name for one in terms), terms, retrieved, messages)
        grounded.started_at_ns = started_at_ns
        call.grounded = grounded
        if retrieved is not None:
            await self._choose(call, request, grounded, retrieved)
        call.cache_scope = f"{call.cache_scope}|{scope_of(grounded, query.access_tags, plain_filters(query.filters))}"
        grounded.retrieval_ms = (self._clock.monotonic() - started) * 1000

    async def _choose(self, call: Call, request: ChatRequest, grounded: Grounded, retrieved: Retrieved) -> None:
        found = [one for one in retrieved.passages if is_relevant(one)]
        if found:
            kept = await screened(call, found, grounded.terms, guarding=self._guarding, emitter=self._emitter)
            grounded.given = chosen(kept, room(request, call.route, grounded.terms))
        if not grounded.given and says_so(grounded.terms):
            call.instead = said_instead(unsupported_text(grounded.terms), self._clock.now_ms())
            grounded.assessment = Grounding(risk=0.0, support=1.0, sentences=(), declined=True)

    @staticmethod
    def fence(call: Call) -> None:
        """Put the passages before the model."""
        grounded, request = call.grounded, call.request
        if grounded is None or grounded.retrieved is None or not isinstance(request, ChatRequest):
            return
        messages = fence(grounded.asked, grounded.given, grounded.terms, secrets.token_hex(12))
        request.body = {**request.body, "messages": messages}
        request.messages = msgspec.convert(messages, list[Message])
        grounded.fenced = True

    def resample(self, call: Call) -> None:
        """Ask the model as often as the caller wants, beside the call itself."""
        grounded, request = call.grounded, call.request
        if grounded is None or not grounded.given or not isinstance(request, ChatRequest):
            return
        wanted = options_of(request).self_consistency
        if not wanted or call.kept is not None:
            return
        body = once_more(request.body, call.route.name)
        helper = self._helper(call)
        grounded.resamples = [asyncio.ensure_future(helper.once_more(body)) for _ in range(wanted)]

    # --- the answer --------------------------------------------------------------------------------------

    @staticmethod
    def note(call: Call, chunk: ChatChunk, *, out: bool) -> None:
        """Take in a chunk of a stream: as the model gives it, or ``out`` to the caller."""
        grounded = call.grounded
        if grounded is None:
            return
        for choice in chunk.body.get("choices") or ():
            text = (choice.get("delta") or {}).get("content")
            if choice.get("index", 0) == 0 and isinstance(text, str) and text:
                (grounded.said if out else grounded.pieces).append(text)

    async def judge(self, call: Call, answer: str) -> None:
        """Judge what the model says, before rules have their say about it."""
        grounded, parts = call.grounded, self._search.parts
        if grounded is None or parts is None or not grounded.given:
            return
        # A kept answer was judged when it was made: no model is paid for it once more.
        asks = call.kept is None and bool(judge_route(grounded))
        ask = self._helper(call, source=JUDGING).ask if asks else None
        await self._assessing.assess(call, grounded, parts.assessor, answer, ask)
        if grounded.resamples:
            grounded.consistency = await self._consistency(call, grounded, answer)

    async def cite(self, call: Call, answer: str) -> None:
        """Find what the answer cites as it goes out, and tell how far it rests on that."""
        grounded, parts = call.grounded, self._search.parts
        if grounded is None or parts is None:
            return
        grounded.citations = citations(answer, grounded.given)
        grounded.cited_texts = {one["number"]: grounded.texts[one["number"] - 1] for one in grounded.citations}
        masking = call.guard.masking if call.guard is not None else None
        if masking:
            for one in grounded.citations:
                one["quote"], one["title"] = masking.restored(one["quote"]), masking.restored(one["title"])
            grounded.cited_texts = {n: masking.restored(text) for n, text in grounded.cited_texts.items()}
        if grounded.judged is not None and grounded.judged != answer and answer.strip():
            # Rules have rewritten it: places that are told are those of what the caller has.
            await self._assessing.assess(call, grounded, parts.assessor, answer)
        self._assessing.tell(call, grounded)

    async def cite_whole(self, call: Call, result: ChatResult) -> None:
        """As :meth:`cite`, with the citations on the message as OpenAI tells them."""
        await self.cite(call, result.text)
        assert call.grounded is not None
        message = (result.body.get("choices") or [{}])[0].get("message")
        cited = url_citations(call.grounded.citations)
        if cited and isinstance(message, dict):
            given = message.get("annotations")
            message["annotations"] = [*(given if isinstance(given, list) else ()), *cited]

    def end(self, call: Call) -> None:
        """The call is over: nobody waits for further answers, and of one that was withheld the judgement is told."""
        if call.grounded is not None:
            for task in call.grounded.resamples:
                task.cancel()
            self._assessing.tell(call, call.grounded)

    async def stop(self) -> None:
        """Tell what is still being judged, and end the search."""
        await self._assessing.stop()
        self._search.close()

    async def _consistency(self, call: Call, grounded: Grounded, answer: str) -> float | None:
        left_s = max(0.0, call.engine.deadline - self._clock.monotonic())
        done, _ = await asyncio.wait(grounded.resamples, timeout=left_s)
        said = [task.result() for task in done if not task.cancelled() and task.exception() is None]
        others = [text for text in said if text.strip()]
        parts = self._search.parts
        if not others or parts is None or not answer.strip():
            return None
        try:
            return await asyncio.to_thread(agreement, parts.assessor, [answer, *others])
        except Exception:  # boundary: an answer is not lost because it could not be compared
            log.exception("answers could not be compared", extra={"correlation_id": call.correlation_id})
            return None

    def _helper(self, call: Call, source: str = SOURCE) -> InCallersName:
        assert self.serve is not None
        return InCallersName(
            self.serve,
            self._clock,
            tenant=call.tenant,
            key=call.key,
            correlation_id=call.correlation_id,
            source=source,
        )


def applies(call: Call) -> bool:
    """Whether the call's answer is to rest on documents."""
    return isinstance(call.request, ChatRequest) and call.request.mode == RAG


def scope_of(grounded: Grounded, tags: frozenset[str], filters: str) -> str:
    """What a kept answer depends on besides its question: it goes to nobody who sees other documents, and not once they
    change.
    """
    digest = hashlib.sha256()
    retrieved = grounded.retrieved
    parts: Sequence[Any] = (
        sorted(tags),
        filters,
        retrieved.generation if retrieved is not None else None,
        [(one.passage.document_id, one.passage.chunk_id, one.title, one.text) for one in grounded.given],
        [msgspec.structs.astuple(one) for one in grounded.terms],
    )
    digest.update(msgspec.json.encode(parts))
    return f"rag:{digest.hexdigest()}"


def said_instead(text: str, now_ms: int) -> KeptAnswer:
    """The answer where the documents have none."""
    message: JsonObject = {"role": "assistant", "content": text}
    body: JsonObject = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    return KeptAnswer(body, Usage(), NOBODY, "none", 0, now_ms, now_ms)


def once_more(body: JsonObject, route: str) -> JsonObject:
    """The request for another answer to the same."""
    kept = {name: value for name, value in body.items() if name not in GATEWAY_FIELDS}
    for name in ("stream", "stream_options", "n", "seed"):
        kept.pop(name, None)
    temperature = kept.get("temperature")
    kept["temperature"] = max(temperature, VARIED) if isinstance(temperature, int | float) else VARIED
    return {**kept, "model": route}
