"""Which answered calls are handed on to be scored, and the handing on: never waited for, and never a call's trouble.

A tenant without live evaluations costs one look at an attribute. Chance is a hash of the call's id, so that all workers
decide alike; what an evaluation takes of a route in an hour is counted in Redis, for all workers together.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from contracts.chat import ChatRequest, ChatResult, JsonObject
from contracts.live_samples import (
    NOT_LIVE,
    QUEUE_CALLS,
    QUEUE_TTL_MS,
    HandedCall,
    LiveSpec,
    losses_of,
    queue_of,
    taken_of,
)
from contracts.ports import Clock
from contracts.specs import PayloadStorage
from events.engine.redaction import redact_json
from events.engine.redis_wire import RedisCommandError, RedisUnavailable, RedisWire
from gateway.engine.call import Call
from gateway.engine.live_wanted import Wanted
from gateway.engine.prompt_sketches import PromptSketches
from gateway.engine.scripts import HAND_ON
from gateway.formats.base import AnswerFacts

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 1.0
UNDER_WAY: Final = 256
"""Calls on their way to Redis; what comes beyond is dropped."""
MAX_CHARACTERS: Final = 24_000
"""Of what was asked, and of what was answered: the end of the one, the beginning of the other."""
_HOUR_MS: Final = 3_600_000

_encode = msgspec.msgpack.Encoder().encode


class LiveSampling:
    """One per gateway worker; without ``wire`` nothing is handed on."""

    def __init__(self, wire: RedisWire | None, *, clock: Clock) -> None:
        self._wire = wire
        self._clock = clock
        self._sketches = None if wire is None else PromptSketches(wire, clock=clock)
        self._under_way: set[asyncio.Task[None]] = set()
        self._lost: dict[str, int] = {}
        self._hour = 0
        self._counted: dict[tuple[str, str], int] = {}
        """What was taken of a route in this hour, as Redis last said."""

    def choose(self, call: Call) -> None:
        """Note who wants the call; to be asked before a stream begins, for its text is kept on the way."""
        if self._wire is None or call.exchange.insider is not None or call.tags.get("source") in NOT_LIVE:
            return
        if not isinstance(call.request, ChatRequest):
            return
        self._turn_hour()
        concerned = [spec for spec in call.tenant.live if applies(spec, call)]
        self._sketch(call, concerned)
        wanted = [(spec, chance(spec, call.correlation_id)) for spec in concerned]
        chosen = [one for one in wanted if self._may_take(*one, call.route.name)]
        call.wanted = Wanted(chosen) if chosen else None

    def hand_on(self, call: Call, facts: AnswerFacts, duration_ms: float) -> None:
        """Have the answered call scored by whoever wants it; returns at once."""
        wanted = call.wanted
        assert wanted is not None
        assert isinstance(call.request, ChatRequest)
        specs = [one for one in wanted.specs if not one[0].models or facts.model in one[0].models]
        if not specs:
            return
        if len(self._under_way) >= UNDER_WAY:
            self._lose(call.tenant_id)
            return
        task = asyncio.get_running_loop().create_task(self._hand_on(call, facts, specs, duration_ms))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def stop(self) -> None:
        """Wait for what is on its way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._sketches is not None:
            await self._sketches.stop()

    # --- deciding

    def _sketch(self, call: Call, specs: Sequence[LiveSpec]) -> None:
        most = max((spec.prompts_per_minute for spec in specs), default=0)
        if most and self._sketches is not None:
            assert isinstance(call.request, ChatRequest)
            self._sketches.note(call.tenant_id, call.route.name, _asked(call.request), most)

    def _turn_hour(self) -> None:
        hour = self._clock.now_ms() // _HOUR_MS
        if hour != self._hour:
            self._hour = hour
            self._counted.clear()

    def _may_take(self, spec: LiveSpec, chosen: bool, route: str) -> bool:
        counted = self._counted.get((spec.id, route), 0)
        return counted < spec.max_per_hour and (chosen or counted < spec.min_per_hour)

    # --- handing on

    async def _hand_on(
        self, call: Call, facts: AnswerFacts, specs: Sequence[tuple[LiveSpec, bool]], duration_ms: float
    ) -> None:
        tenant, route = call.tenant_id, facts.route
        lost = self._lost.pop(tenant, 0)
        try:
            packed = _encode(handed(call, facts, self._clock.now_ms(), duration_ms))
            arguments = [value for one in specs for value in _arguments(*one, route)]
            keys = (queue_of(tenant), losses_of(tenant), taken_of(tenant, self._hour))
            async with asyncio.timeout(TIMEOUT_S):
                counts = await self._run(*keys, QUEUE_TTL_MS, QUEUE_CALLS, packed, lost, *arguments)
            for (spec, _), count in zip(specs, counts, strict=True):
                self._counted[spec.id, route] = int(count)
        except (RedisUnavailable, RedisCommandError, TimeoutError) as error:
            self._lose(tenant, lost + 1)
            log.debug("a sampled call could not be handed on: %s", error)
        except Exception:  # boundary of the task: whatever callers sent, the sample is lost and nothing else
            self._lose(tenant, lost + 1)
            log.exception("a sampled call could not be handed on", extra={"correlation_id": call.correlation_id})

    async def _run(self, *arguments: Any) -> Any:
        assert self._wire is not None
        try:
            return await self._wire.call("EVALSHA", HAND_ON.sha, 3, *arguments)
        except RedisCommandError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            return await self._wire.call("EVAL", HAND_ON.text, 3, *arguments)

    def _lose(self, tenant_id: str, calls: int = 1) -> None:
        self._lost[tenant_id] = self._lost.get(tenant_id, 0) + calls


def chance(spec: LiveSpec, run_id: str) -> bool:
    """Whether the call is among the evaluation's share: everybody who asks gets the same answer."""
    return zlib.crc32(f"{spec.id}{run_id}".encode()) < spec.rate * 2**32


def applies(spec: LiveSpec, call: Call) -> bool:
    """Whether the evaluation is about such calls; which model answers is not known yet."""
    assert isinstance(call.request, ChatRequest)
    if spec.routes and call.route.name not in spec.routes:
        return False
    if spec.modes and call.request.mode not in spec.modes:
        return False
    return all(call.tags.get(name) == value for name, value in spec.tags)


def handed(call: Call, facts: AnswerFacts, now_ms: int, duration_ms: float) -> HandedCall:
    """What is told of the call."""
    assert isinstance(call.request, ChatRequest)
    assert call.wanted is not None
    asked: list[JsonObject] = call.grounded.asked if call.grounded is not None else call.request.body["messages"]
    said = [(str(one.get("role") or ""), text_in(one.get("content"))) for one in asked]
    passages = _whole_ones(call.grounded.texts) if call.grounded is not None else []
    output = call.wanted.output
    redacting = call.tenant.payloads is PayloadStorage.REDACTED
    if call.guard is not None and call.guard.masking:
        # The caller got back what the provider did not see; nobody else does.
        output = call.guard.masking.concealed(output)
    shown, answer = _last(said), output[:MAX_CHARACTERS]
    question = next((text for role, text in reversed(said) if role == "user"), "")
    return HandedCall(
        run_id=call.correlation_id,
        at_ms=now_ms,
        route=facts.route,
        model=facts.model,
        provider=facts.provider,
        key_id=call.key.id,
        user=call.request.user,
        mode=call.request.mode,
        tags=call.tags,
        messages=[(role, _redacted(text)) for role, text in shown] if redacting else shown,
        output=_redacted(answer) if redacting else answer,
        context=[_redacted(text) for text in passages] if redacting else passages,
        input_chars=len(question),
        output_chars=len(output),
        duration_ms=round(duration_ms, 3),
        cost_nanousd=facts.cost_nanousd,
        input_tokens=facts.usage.input_tokens,
        output_tokens=facts.usage.output_tokens,
    )


def answer_in(result: ChatResult) -> str:
    """The text of a whole answer."""
    message = (result.body.get("choices") or [{}])[0].get("message") or {}
    return text_in(message.get("content"))


def _asked(request: ChatRequest) -> str:
    """What the user said last."""
    messages: list[JsonObject] = request.body["messages"]
    asked: JsonObject = next((one for one in reversed(messages) if one.get("role") == "user"), {})
    return text_in(asked.get("content"))


def text_in(content: Any) -> str:
    """The text of a message, whose content may be a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))


def _last(said: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The end of a chat, as much of it as is handed on."""
    kept: list[tuple[str, str]] = []
    left = MAX_CHARACTERS
    for role, text in reversed(said):
        if left <= 0:
            break
        kept.append((role, text[-left:]))
        left -= len(text)
    return kept[::-1]


def _whole_ones(texts: list[str]) -> list[str]:
    """The first passages, as many as are handed on."""
    kept: list[str] = []
    left = MAX_CHARACTERS
    for text in texts:
        left -= len(text)
        if left < 0:
            break
        kept.append(text)
    return kept


def _redacted(text: str) -> str:
    found: str = redact_json(text)
    return found


def _arguments(spec: LiveSpec, chosen: bool, route: str) -> tuple[str | int, ...]:
    return spec.id, f"{spec.id}/{route}", int(chosen), spec.min_per_hour, spec.max_per_hour
