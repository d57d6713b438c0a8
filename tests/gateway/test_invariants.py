"""Business invariants of calls, from the answer that breaks one to what the caller gets and what is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from contracts.events import GuardrailBlocked, GuardrailFailed, GuardrailInvariantViolated, GuardrailMatched
from contracts.guardrails import Action, OnError, RuleSpec, Stage
from contracts.specs import CacheSpec, PayloadStorage
from gateway.exchange import Answer
from guardrails.engine.whole_calls import WITHHELD
from tests.gateway.stand import Stand, json_of, read, sandbox_target, sse_objects
from tests.gateway.test_guarding import header, said
from tests.guardrails.engine.rule_specs import policy

VIOLATED = GuardrailInvariantViolated.event_type


async def told(stand: Stand) -> None:
    """Until what is judged after the call has been told."""
    async with asyncio.timeout(10):
        while VIOLATED not in stand.emitter.types():  # noqa: ASYNC110 - nobody tells of an event in memory
            await asyncio.sleep(0)


def invariant(expression: str, action: Action = Action.BLOCK, **fields: Any) -> RuleSpec:
    options = {"expression": expression, **fields.pop("options", {})}
    return RuleSpec(
        id="inv",
        name="The rule",
        kind="invariant",
        stages=frozenset({Stage.OUTPUT}),
        action=action,
        options=options,
        **fields,
    )


def stand_with(*rules: RuleSpec, reply: str = "The price is 25 EUR.", **tenant: Any) -> Stand:
    fields = {"policies": (policy(*rules),), **tenant}
    return Stand(sandbox_target(options={"reply": reply}), tenant=fields)


PRICES = "amounts(response.text).all(a, a in amounts(retrieval.text))"
CONTEXT: list[dict[str, Any]] = [
    {"role": "user", "content": "How much is it?"},
    {
        "role": "assistant",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "Price: EUR 20.00"},
]


async def asked_with(stand: Stand, messages: list[dict[str, Any]]) -> Answer:
    return await stand.send("/v1/chat/completions", {"messages": messages})


async def test_an_answer_that_is_as_it_must_be_goes_out() -> None:
    stand = stand_with(invariant(PRICES), reply="It costs 20 EUR.")
    answer = await asked_with(stand, CONTEXT)
    assert (answer.status, header(answer)) == (200, None)
    assert json_of(answer)["choices"][0]["message"]["content"] == "It costs 20 EUR."
    assert not [name for name in stand.emitter.types() if name.startswith("guardrail")]


async def test_an_answer_that_breaks_an_invariant_is_withheld_and_told_with_its_evidence() -> None:
    rule = invariant(PRICES, message="Prices come from the list.", options={"why": "Prices are binding."})
    stand = stand_with(rule, payloads=PayloadStorage.STORED)
    answer = await asked_with(stand, CONTEXT)
    error = json_of(answer)["error"]
    assert (answer.status, error["code"], error["message"]) == (400, "CONTENT_BLOCKED", "Prices come from the list.")
    assert b"25 EUR" not in answer.body
    told = stand.only(GuardrailInvariantViolated)
    assert (told.rule, told.action, told.why, told.expression) == ("The rule", "block", "Prices are binding.", PRICES)
    assert told.evidence["a"] == {"value": 25.0, "currency": "EUR"}
    assert stand.only(GuardrailMatched).entities == {"INVARIANT": 1}
    assert stand.only(GuardrailBlocked).stage == "output"


async def test_evidence_from_texts_is_kept_only_where_payloads_are() -> None:
    rule = invariant("usage.output_tokens < 1 && size(response.text) < 1", Action.FLAG)
    stand = stand_with(rule, payloads=PayloadStorage.NONE)
    await stand.chat("How much?")
    told = stand.only(GuardrailInvariantViolated)
    assert told.evidence == {"usage.output_tokens": told.evidence["usage.output_tokens"]}
    assert told.not_kept == ["response.text"]
    assert "25 EUR" not in str(stand.emitter.events)


async def test_evidence_is_redacted_where_payloads_are() -> None:
    rule = invariant("response.text == ''", Action.FLAG)
    stand = stand_with(rule, reply="Write to jo@example.org.", payloads=PayloadStorage.REDACTED)
    await stand.chat("Where?")
    assert "jo@example.org" not in str(stand.only(GuardrailInvariantViolated).evidence)


async def test_a_limit_of_a_plan_looks_at_tenant_and_usage() -> None:
    rule = invariant("tenant.plan != 'free' || usage.output_tokens <= 2")
    assert (await stand_with(rule, plan="free").chat("Tell me.")).status == 400
    assert (await stand_with(rule, plan="pro").chat("Tell me.")).status == 200


async def test_flagged_the_answer_goes_out_and_in_shadow_as_well() -> None:
    for rule in (invariant("false", Action.FLAG), invariant("false", shadow=True)):
        stand = stand_with(rule)
        answer = await stand.chat("How much?")
        assert json_of(answer)["choices"][0]["message"]["content"] == "The price is 25 EUR."
        assert stand.only(GuardrailInvariantViolated).shadow == rule.shadow


async def test_redacted_nothing_of_the_answer_goes_out() -> None:
    stand = stand_with(invariant("false", Action.REDACT))
    choice = json_of(await stand.chat("How much?"))["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (WITHHELD, "content_filter")


async def test_what_cannot_be_answered_is_told_and_on_error_decides() -> None:
    total = "json(response.text).total > 0"
    stand = stand_with(invariant(total), reply="{}")
    assert (await stand.chat("How much?")).status == 200
    assert stand.only(GuardrailFailed).reason == "error"
    closed = stand_with(invariant(total, on_error=OnError.BLOCK), reply="{}")
    assert (await closed.chat("How much?")).status == 400


async def test_every_choice_is_judged() -> None:
    stand = stand_with(invariant("response.finish_reason == 'never'", Action.FLAG))
    await stand.send("/v1/chat/completions", {"n": 2, "messages": [{"role": "user", "content": "hi"}]})
    assert stand.emitter.types().count(VIOLATED) == 2


async def test_what_is_judged_after_the_answer_is_told_and_changes_nothing() -> None:
    stand = stand_with(invariant(PRICES, Action.FLAG, options={"when": "after"}))
    answer = await asked_with(stand, CONTEXT)
    assert answer.status == 200
    await told(stand)


async def test_an_answer_from_the_cache_is_judged_as_well() -> None:
    rules = {"policies": (policy(invariant("!response.cached")),)}
    stand = Stand(sandbox_target(options={"reply": "25 EUR"}), tenant=rules, route={"cache": CacheSpec()})
    first, second = [await stand.chat("How much?") for _ in range(2)]
    assert (first.status, second.status) == (200, 400)


# --- streams ----------------------------------------------------------------------------------------------------


async def test_a_stream_is_held_until_the_invariant_is_known_to_hold() -> None:
    stand = stand_with(invariant("usage.output_tokens > 2 && response.text.contains('25 EUR')"))
    stream = await read(await stand.chat("How much?", stream=True))
    assert said(stream) == "The price is 25 EUR."


async def test_nothing_of_a_stream_that_breaks_an_invariant_goes_out() -> None:
    stand = stand_with(invariant("!response.text.contains('25 EUR')", message="No prices."))
    stream = await read(await stand.chat("How much?", stream=True))
    assert said(stream) == ""
    assert b"No prices." in stream
    assert b"25 EUR" not in stream
    ends = [chunk["choices"][0]["finish_reason"] for chunk in sse_objects(stream) if "choices" in chunk]
    assert ends[-1] == "content_filter"
    assert not stand.only(GuardrailBlocked).streamed


async def test_a_stream_whose_answer_is_redacted_says_so_instead() -> None:
    stand = stand_with(invariant("false", Action.REDACT))
    stream = await read(await stand.chat("How much?", stream=True))
    assert said(stream) == WITHHELD
    assert b"25 EUR" not in stream


@pytest.mark.parametrize(
    "rule",
    [
        invariant("false", Action.FLAG),
        invariant("false", shadow=True),
        invariant("false", hold_stream=False),
        invariant("false", Action.FLAG, options={"when": "after"}),
    ],
    ids=["flag", "shadow", "not held", "after"],
)
async def test_a_stream_that_nothing_can_stop_is_not_held(rule: RuleSpec) -> None:
    stand = stand_with(rule)
    answer = await stand.chat("How much?", stream=True)
    assert answer.stream is not None
    untold = [VIOLATED not in stand.emitter.types() async for piece in answer.stream if b'"content"' in piece]
    assert len(untold) > 1
    assert all(untold)
    await told(stand)
    assert stand.only(GuardrailInvariantViolated).action == "flag" or rule.shadow
