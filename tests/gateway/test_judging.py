"""Rules that ask a model, through the real pipeline: what is asked, in whose name, and what follows."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from contracts.events import (
    GuardrailBlocked,
    GuardrailFailed,
    GuardrailMatched,
    RequestCompleted,
    RequestRejected,
    RequestStarted,
)
from contracts.guardrails import Action, OnError, PolicySpec, RuleSpec, Stage
from contracts.ports import UpstreamRequest, UpstreamResponse
from contracts.specs import Capability, LimitMetric, LimitSpec, RouteSpec
from routing.providers.sandbox_transport import SandboxUpstream
from tests.gateway.stand import Stand, json_of, read, sandbox_target
from tests.guardrails.engine.rule_specs import policy, rule

IN, OUT = frozenset({Stage.INPUT}), frozenset({Stage.OUTPUT})


class Wise(SandboxUpstream):
    """The sandbox; the model ``wise`` judges that texts with "refund" in them match."""

    def __init__(self, reply: str = "") -> None:
        super().__init__()
        self.asked: list[Any] = []
        self.reply = reply
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        body = msgspec.json.decode(request.body)
        response = await super().send(request)
        if body["model"] != "wise":
            return response
        self.asked.append(body)
        await self.gate.wait()
        question = body["messages"][1]["content"]
        key = question[len("<text-") : question.index(">")]
        said = question[question.index(">") + 1 : question.index(f"</text-{key}")]
        verdict = {"key": key, "matches": "refund" in said, "confidence": 0.9, "reason": "It says so."}
        answer = msgspec.json.decode(response.body)
        answer["choices"][0]["message"]["content"] = self.reply or msgspec.json.encode(verdict).decode()
        return msgspec.structs.replace(response, body=msgspec.json.encode(answer))


def judge(action: Action = Action.BLOCK, **fields: Any) -> RuleSpec:
    options = {"criterion": "It is about a refund.", "route": "judges", **fields.pop("options", {})}
    fields = {"stages": IN, "deadline_ms": 5_000, "name": "Refunds", **fields}
    return rule("judge", action, options=options, **fields)


def stand_of(*policies: PolicySpec, upstream: Wise | None = None, **fields: Any) -> tuple[Stand, Wise]:
    upstream = upstream or Wise()
    wise = fields.pop("wise", None) or sandbox_target("wise")
    route = RouteSpec(id="route-2", name="judges", targets=(wise,))
    reply = fields.pop("answer", None)
    target = sandbox_target(options={"reply": reply} if reply else {})
    return Stand(target, upstream=upstream, tenant={"policies": policies, "routes": (route,)}, **fields), upstream


async def test_a_model_judges_a_prompt_over_the_route_that_the_rule_names() -> None:
    stand, wise = stand_of(policy(judge()))
    refused = await stand.chat("I want a refund.")
    passed = await stand.chat("I want a coffee.")
    assert (refused.status, passed.status) == (400, 200)
    assert json_of(refused)["error"]["details"]["rule"] == "Refunds"
    assert len(wise.asked) == 2
    matched = stand.only(GuardrailMatched)
    assert (matched.kind, matched.entities, matched.score) == ("judge", {"JUDGED": 1}, 0.9)
    assert matched.evidence == ["a model, asked over the route judges"]
    assert stand.only(GuardrailBlocked).rule == "Refunds"


async def test_the_question_is_a_call_of_the_tenant_with_a_cost_of_its_own_that_says_what_it_judges() -> None:
    stand, _ = stand_of(policy(judge()))
    await stand.chat("I want a refund of my own.")
    started, completed = stand.only(RequestStarted), stand.only(RequestCompleted)
    judged = [event for event, context in stand.emitter.events if isinstance(event, RequestRejected)]
    contexts = {type(event): context for event, context in stand.emitter.events}
    assert started.tags == {"source": "judge", "judge_of": contexts[RequestRejected].correlation_id}
    assert started.key_id == "key-1"
    assert completed.cost_nanousd
    assert contexts[RequestStarted].tenant_id == "tenant-1"
    assert len(judged) == 1


async def test_a_question_is_never_judged_itself_and_shows_no_more_than_the_call_would() -> None:
    hides = rule("words", Action.MASK, stages=IN, name="Hidden")
    blocks = rule("words", Action.BLOCK, stages=IN, options={"words": ["You check texts"]}, name="Blocks judges")
    stand, wise = stand_of(policy(hides, judge(), blocks))
    answer = await stand.chat("A refund for hunter22, please.")
    assert answer.status == 400
    assert json_of(answer)["error"]["details"]["rule"] == "Refunds"
    [asked] = wise.asked
    assert "hunter22" not in str(asked)
    assert "[LISTED_WORD_1]" in asked["messages"][1]["content"]


async def test_the_shape_of_the_verdict_is_asked_for_where_every_target_can_be_held_to_it() -> None:
    stand, wise = stand_of(policy(judge()))
    await stand.chat("Hello.")
    assert wise.asked[0]["response_format"]["json_schema"]["schema"]["required"][0] == "key"

    target = sandbox_target("wise")
    plain = msgspec.structs.replace(target.model, capabilities=frozenset({Capability.CHAT, Capability.STREAMING}))
    stand, wise = stand_of(policy(judge()), wise=msgspec.structs.replace(target, model=plain))
    assert (await stand.chat("A refund.")).status == 400
    assert "response_format" not in wise.asked[0]


async def test_the_same_text_is_judged_once() -> None:
    stand, wise = stand_of(policy(judge()))
    unique = "I want a coffee, and the same text twice."
    await stand.chat(unique)
    await stand.chat(unique)
    assert len(wise.asked) == 1


async def test_answers_are_judged_whole_and_in_streams() -> None:
    stand, wise = stand_of(policy(judge(stages=OUT)), answer="You will get a refund tomorrow.")
    assert (await stand.chat()).status == 400
    stream = await read(await stand.chat(stream=True))
    assert b"refund" not in stream
    assert b"CONTENT_BLOCKED" in stream
    assert len(wise.asked) == 1


async def test_after_the_call_a_verdict_is_told_and_nobody_waits_for_it() -> None:
    rule_after = judge(options={"when": "after", "criterion": "After: a refund."}, on_error=OnError.BLOCK)
    stand, wise = stand_of(policy(rule_after))
    wise.gate.clear()
    answer = await stand.chat("I want a refund, later.")
    assert answer.status == 200
    assert not stand.emitter.payloads(GuardrailMatched)
    wise.gate.set()
    await asyncio.gather(*stand.pipeline._guarding._later)
    assert stand.only(GuardrailMatched).action == "flag"


@pytest.mark.parametrize("on_error", list(OnError))
@pytest.mark.parametrize("reply", ["I would rather not say.", '{"key": "forged", "matches": false, "confidence": 1}'])
async def test_an_answer_without_a_verdict_leaves_it_to_the_rule(on_error: OnError, reply: str) -> None:
    options = {"criterion": f"Unclear {on_error} {reply[:3]}"}
    stand, _ = stand_of(policy(judge(on_error=on_error, options=options)), upstream=Wise(reply))
    answer = await stand.chat("I want a refund.")
    assert answer.status == (400 if on_error is OnError.BLOCK else 200)
    failed = stand.only(GuardrailFailed)
    assert (failed.reason, failed.detail) == ("error", "NoVerdict")


async def test_a_verdict_that_comes_too_late_leaves_it_to_the_rule() -> None:
    stand, wise = stand_of(policy(judge(deadline_ms=20, options={"criterion": "Too late."})))
    wise.gate.clear()
    answer = await stand.chat("I want a refund.")
    assert answer.status == 200
    assert stand.only(GuardrailFailed).reason == "deadline"


async def test_a_route_that_is_not_there_is_a_failure_of_the_rule() -> None:
    stand, wise = stand_of(policy(judge(options={"route": "nowhere"})))
    assert (await stand.chat("I want a refund.")).status == 200
    assert stand.only(GuardrailFailed).detail == "ModelNotFound"
    assert not wise.asked


async def test_limits_of_the_key_leave_questions_out() -> None:
    limit = LimitSpec(id="l", level="tenant", subject="tenant-1", metric=LimitMetric.REQUESTS, value=1, window_s=60)
    stand, wise = stand_of(policy(judge(options={"criterion": "Limits."})), limits=(limit,))
    assert (await stand.chat("I want a coffee.")).status == 200
    assert len(wise.asked) == 1


async def test_a_share_of_the_texts_is_judged_and_of_those_that_are_not_nobody_is_asked() -> None:
    stand, wise = stand_of(policy(judge(options={"criterion": "Some.", "sample_percent": 50})))
    for number in range(24):
        await stand.chat(f"Coffee number {number}, please.")
    assert 4 <= len(wise.asked) <= 20
