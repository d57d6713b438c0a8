"""The guard steps of a call: what policies say of its request and of its answer.

A call to which no policy applies never comes here.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

import msgspec

from contracts.chat import ChatChunk, ChatRequest, ChatResult, EmbeddingRequest, JsonObject, Message, Usage
from contracts.guardrails import Action, PolicySpec, RuleSpec, Stage
from contracts.ports import Emitter
from contracts.specs import PayloadStorage
from gateway.engine.call import Call
from gateway.engine.call_facts import facts_of, withhold, without
from gateway.engine.call_guard import CallGuard
from gateway.engine.guard_events import blocked_error, blocked_event, failed_event, matched_event, violated_event
from gateway.engine.guarded_stream import GuardedStream
from gateway.engine.guarded_texts import Place, Texts, answer_texts, embedding_texts, neighbours, request_texts
from gateway.engine.guardrail_questions import Questions
from guardrails.engine.asking import ask_through
from guardrails.engine.invariants.facts import Facts
from guardrails.engine.kinds import ANSWERS, KINDS
from guardrails.engine.masking import Masking
from guardrails.engine.policy import INLINE, Verdict, apply, apply_to_one, judge_later
from guardrails.engine.policy_set import PolicySet, applicable
from guardrails.engine.rules import REPLACING, CompiledRule
from guardrails.engine.screened import Screened, ScreenedBy
from guardrails.engine.stream import Blocked
from guardrails.engine.whole_calls import flagged, judge, judged

log = logging.getLogger(__name__)

SETS: Final = 1_024
"""Combinations of policies that a worker keeps compiled."""

Reroute = Callable[[Call, str], Awaitable[None]]


class Guarding:
    """Applies policies to the calls of one gateway worker."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._sets: OrderedDict[tuple[int, ...], PolicySet] = OrderedDict()
        self._compiling: dict[tuple[int, ...], asyncio.Task[PolicySet]] = {}
        self._later: set[asyncio.Task[None]] = set()
        self._screened = Screened()
        self._redacting: OrderedDict[tuple[int, ...], tuple[tuple[PolicySpec, ...], tuple[PolicySpec, ...]]] = (
            OrderedDict()
        )
        self.questions: Questions | None = None
        """By which rules ask models; the pipeline's own, set by it."""

    # --- the request -------------------------------------------------------------------------------------

    async def guard_request(self, call: Call, reroute: Reroute) -> None:
        """Look at what is sent, and rewrite it; ``reroute`` takes the call to the route of that name.

        Raises:
            ContentBlocked: a rule refuses the request.
            GatewayError: a rule sends the call where its key may not go.
        """
        guard = await self._enter(call, None)
        if guard is None:
            return
        to = await self._look(call, guard)
        if to and to != call.route.name:
            await reroute(call, to)
            # Policies of the other route have their say as well; from there the call goes nowhere else.
            again = await self._enter(call, guard)
            if again is not None:
                await self._look(call, again)

    async def guard_degraded(self, call: Call) -> None:
        """Have policies of the cheaper route look that a budget took the call to; it goes to no other from there.

        Raises:
            ContentBlocked: a rule refuses the request.
        """
        guard = await self._enter(call, call.guard)
        if guard is not None:
            await self._look(call, guard)

    async def _enter(self, call: Call, before: CallGuard | None) -> CallGuard | None:
        specs = applicable(call.policies, route=call.route.name, key_id=call.key.id)
        if call.exchange.insider is not None and not call.exchange.insider.guarded:
            specs = self._only_redacting(specs)
        if not specs:
            call.guard = before
            return None
        # The set keeps its specs, so that none of these ids can be another's while it is kept.
        name = tuple(map(id, specs))
        policies = self._sets.get(name)
        if policies is None:
            policies = await self._compiled(name, specs)
        else:
            self._sets.move_to_end(name)
        guard = before or CallGuard(policies)
        guard.policies = policies
        call.guard = guard
        self._let_ask(call)
        call.cache_scope = guard.policies.scope
        return guard

    async def _look(self, call: Call, guard: CallGuard) -> str:
        """Look at all texts of the request; gives the route to which a rule sends the call."""
        body = call.request.body
        texts = request_texts(body) if isinstance(call.request, ChatRequest) else embedding_texts(body)
        to = ""
        for stage in (Stage.INPUT, Stage.TOOL_RESULT):
            rules: Sequence[CompiledRule] = guard.policies.at(stage)
            if guard.seen:
                rules = [rule for rule in rules if rule.policy.id not in guard.seen]
            places = texts.at(stage)
            if not rules or not places:
                continue
            if guard.masking is None and stage in guard.policies.masking:
                guard.masking = Masking(place.text for place in texts.places)
            screened = None if guard.seen else self._screened_by(call, stage)
            verdict = await self._apply(call, rules, stage, places, masking=guard.masking, screened=screened)
            if verdict is not None:
                to = to or verdict.reroute_to
        guard.seen |= guard.policies.ids
        if texts.seal():
            _read_again(call.request)
        return to

    async def _apply(
        self,
        call: Call,
        rules: Sequence[CompiledRule],
        stage: Stage,
        places: Sequence[Place],
        *,
        masking: Masking | None = None,
        screened: ScreenedBy | None = None,
    ) -> Verdict | None:
        """Have rules look at texts of the call, tell of it and rewrite them; None where nothing comes of it.

        Raises:
            ContentBlocked: a rule refuses them.
        """
        assert call.guard is not None
        text = places[0].text
        if len(places) == 1 and stage in call.guard.policies.inline and len(text) <= INLINE:
            verdict = apply_to_one(rules, stage, text, masking=masking, screened=screened)
            if verdict is None:
                return None
            originals = [text]
        else:
            originals = [place.text for place in places]
            beside = neighbours(places) if stage not in ANSWERS else ()
            verdict = await apply(rules, stage, originals, masking=masking, neighbours=beside, screened=screened)
        self._tell(call, verdict, originals)
        self._judge_later(call, verdict.later, stage, originals)
        self._refuse_if_blocked(call, verdict)
        for place, said in zip(places, verdict.texts, strict=True):
            place.put(said)
        return verdict

    async def screen_passage(self, call: Call, texts: Sequence[str]) -> tuple[list[str], Verdict | None]:
        """Look at the texts of a passage that is to go into the prompt; gives them as rules leave them, and the verdict
        where there are rules. Nothing but the passage is withheld by what blocks.
        """
        guard = call.guard
        rules = guard.policies.at(Stage.RETRIEVED) if guard is not None else ()
        if guard is None or not rules:
            return list(texts), None
        if guard.masking is None and any(rule.spec.action is Action.MASK for rule in rules):
            guard.masking = Masking([*texts, *(place.text for place in request_texts(call.request.body).places)])
        screened = self._screened_by(call, Stage.RETRIEVED)
        verdict = await apply(rules, Stage.RETRIEVED, texts, masking=guard.masking, screened=screened)
        self._tell(call, verdict, texts)
        self._judge_later(call, verdict.later, Stage.RETRIEVED, texts)
        return verdict.texts, verdict

    async def guard_passages(self, call: Call, texts: Sequence[str]) -> bool:
        """Whether policies look at these passages, which no model is shown; they do so in :meth:`screen_passage`."""
        guard = await self._enter(call, None)
        if guard is None:
            return False
        guard.masking = Masking(texts)
        return bool(guard.policies.at(Stage.RETRIEVED))

    def _let_ask(self, call: Call) -> None:
        """Have rules that ask models ask in the name of this call."""
        if self.questions is not None and call.guard is not None and call.guard.policies.asks_models:
            ask_through(self.questions.of(call.tenant, call.key, call.correlation_id))

    def _only_redacting(self, specs: tuple[PolicySpec, ...]) -> tuple[PolicySpec, ...]:
        """Of a question that a rule asks: what redacts and masks, and nothing that judges, blocks or reroutes."""
        name = tuple(map(id, specs))
        known = self._redacting.get(name)
        if known is None:
            reduced = [msgspec.structs.replace(spec, rules=tuple(filter(_redacts, spec.rules))) for spec in specs]
            known = specs, tuple(spec for spec in reduced if spec.rules)
            self._redacting[name] = known
            while len(self._redacting) > SETS:
                self._redacting.popitem(last=False)
        return known[1]

    # --- the answer --------------------------------------------------------------------------------------

    async def guard_answer(self, call: Call, result: ChatResult) -> None:
        """Look at a whole answer, rewrite it, and give back what was masked.

        Raises:
            ContentBlocked: a rule withholds the answer.
        """
        guard = call.guard
        if guard is None:
            return
        texts = answer_texts(result.body)
        for stage in (Stage.OUTPUT, Stage.TOOL_CALL):
            rules, places = guard.policies.at(stage), texts.at(stage)
            if rules and places:
                await self._apply(call, rules, stage, places, screened=self._screened_by(call, stage))
        _forget_copies(texts)
        if guard.masking:
            for place in texts.places:
                place.put(guard.masking.restored(place.text))
        texts.seal()
        if guard.policies.invariants:
            withhold(result.body, await self._judge_call(call, result.body, call.usage))

    def open_stream(self, call: Call) -> GuardedStream | None:
        """What the chunks of a streamed answer go through; None where they need not."""
        if call.guard is None:
            return None
        keep = call.tenant.payloads is not PayloadStorage.NONE
        stream = GuardedStream(call.guard.policies, call.guard.masking, keep=keep)
        return stream if stream.needed else None

    async def pass_on(self, call: Call, stream: GuardedStream, chunk: ChatChunk | None) -> list[ChatChunk]:
        """What can go out after this chunk of the provider's, or at the answer's end where it is None.

        Raises:
            ContentBlocked: a rule withholds the rest.
        """
        # Pieces of a stream may be asked for in tasks of their own.
        self._let_ask(call)
        try:
            going = await stream.pass_on(chunk)
        except Blocked:
            blocking = [
                verdict.blocking for verdict in self.settle_stream(call, stream) if verdict.blocking is not None
            ]
            self._emitter.emit(blocked_event(call, blocking[0], streamed=True), call.context)
            raise blocked_error(blocking[0]) from None
        if chunk is not None or not stream.invariants:
            return going
        withheld = await self._judge_call(call, stream.said.known(), stream.usage, gone=not stream.holds)
        return going + without(stream.released(), withheld)

    def settle_stream(self, call: Call, stream: GuardedStream) -> list[Verdict]:
        """Tell what was found by now; what has been told is not told again."""
        found = stream.settle()
        for verdict, originals in found:
            self._tell(call, verdict, originals)
        return [verdict for verdict, _ in found]

    async def _judge_call(
        self, call: Call, body: JsonObject, usage: Usage | None, *, gone: bool = False
    ) -> dict[int, str]:
        """Have invariants judge each choice of an answer, ``gone`` where it is out already.

        Gives what goes out in place of choices, by their index.

        Raises:
            ContentBlocked: one withholds the answer.
        """
        assert call.guard is not None
        rules = call.guard.policies.invariants
        inline, after = [rule for rule in rules if not rule.after], [rule for rule in rules if rule.after]
        withheld: dict[int, str] = {}
        for index, facts in facts_of(call, body, usage):
            verdict = await judge(inline, facts)
            verdict = flagged(verdict) if gone else verdict
            self._tell(call, verdict, [facts.response.text])
            if not gone:
                self._refuse_if_blocked(call, verdict)
            if verdict.action is Action.REDACT:
                withheld[index] = verdict.texts[0]
            if after:
                self._later_on(call, self._judge_after(call, after, facts))
        return withheld

    async def _judge_after(self, call: Call, rules: Sequence[CompiledRule], facts: Facts) -> None:
        verdict = await asyncio.to_thread(judged, rules, facts)
        self._tell(call, flagged(verdict), [facts.response.text])

    # --- both --------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """Give up on what is still being judged after its call."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)

    def _tell(self, call: Call, verdict: Verdict, originals: Sequence[str]) -> None:
        if not verdict.matches and not verdict.failures:
            return
        for match in verdict.matches:
            self._emitter.emit(matched_event(call, match, originals), call.context)
            if match.rule.about_calls:
                self._emitter.emit(violated_event(call, match), call.context)
        for failure in verdict.failures:
            self._emitter.emit(failed_event(call, failure), call.context)
        if call.guard is not None:
            call.guard.note(verdict.action)

    def _refuse_if_blocked(self, call: Call, verdict: Verdict) -> None:
        if verdict.blocking is not None:
            self._emitter.emit(blocked_event(call, verdict.blocking, streamed=False), call.context)
            raise blocked_error(verdict.blocking)

    def _judge_later(self, call: Call, rules: Sequence[CompiledRule], stage: Stage, originals: Sequence[str]) -> None:
        if rules:
            self._later_on(call, self._judge(call, rules, stage, originals))

    def _later_on(self, call: Call, judging: Coroutine[Any, Any, None]) -> None:
        async def judged_in_peace() -> None:
            try:
                await judging
            except Exception:
                log.exception("judging after the call failed", extra={"correlation_id": call.correlation_id})

        task = asyncio.get_running_loop().create_task(judged_in_peace())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _judge(self, call: Call, rules: Sequence[CompiledRule], stage: Stage, originals: Sequence[str]) -> None:
        self._tell(call, await judge_later(rules, stage, originals), originals)

    def _screened_by(self, call: Call, stage: Stage) -> ScreenedBy:
        """Texts of the call's tenant in which all rules of the stage together have found nothing."""
        assert call.guard is not None
        return self._screened.by(call.tenant_id, call.guard.policies.detectors[stage])

    async def _compiled(self, name: tuple[int, ...], specs: tuple[PolicySpec, ...]) -> PolicySet:
        """The policies compiled: once per version and worker, and not on the event loop."""
        compiling = self._compiling.get(name)
        if compiling is None:
            compiling = asyncio.ensure_future(asyncio.to_thread(PolicySet, specs))
            self._compiling[name] = compiling
            compiling.add_done_callback(lambda _: self._compiling.pop(name, None))
        made = await asyncio.shield(compiling)
        self._sets[name] = made
        while len(self._sets) > SETS:
            self._sets.popitem(last=False)
        return made


def _redacts(rule: RuleSpec) -> bool:
    kind = KINDS.get(rule.kind)
    return kind is not None and not kind.costs and not kind.about_calls and rule.action in REPLACING


def _read_again(request: ChatRequest | EmbeddingRequest) -> None:
    """Providers are asked with the typed view of the body, and some with the body itself."""
    if isinstance(request, ChatRequest):
        request.messages = msgspec.convert(request.body["messages"], list[Message])
    else:
        request.input = request.body["input"]


def _forget_copies(texts: Texts) -> None:
    """Drop what says once more what was rewritten: token by token, or as a provider's own blocks."""
    for choice in [place.owner for place in texts.places if place.changed and place.owner is not None]:
        choice.pop("logprobs", None)
        message = choice["message"]
        message.pop("reasoning_details", None)
        message.pop("extra_content", None)
