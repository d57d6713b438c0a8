"""Invariants of calls: whether they hold, and what is shown where they do not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contracts.guardrails import Action, OnError, PolicySpec, RuleSpec, Stage
from guardrails.engine.invariants.chat_facts import passages_of, request_of, response_of
from guardrails.engine.invariants.facts import (
    Facts,
    Passage,
    ResponseFacts,
    TenantFacts,
    UsageFacts,
    retrieved,
)
from guardrails.engine.invariants.invariant import Invariant, InvariantOptions, Judgement, problems_of
from guardrails.engine.kinds import KINDS
from guardrails.engine.policy import Verdict
from guardrails.engine.policy_set import PolicySet
from guardrails.engine.whole_calls import WITHHELD, judged

FREE = TenantFacts(slug="acme", plan="free")


def judgement(facts: Facts, **options: Any) -> Judgement:
    return Invariant(InvariantOptions(**options)).judge(facts, 1_000)


def seen(broken: Judgement) -> dict[str, Any]:
    return {shown.name: shown.value for shown in broken.evidence}


def verdict(facts: Facts, action: Action = Action.BLOCK, **fields: Any) -> Verdict:
    options = fields.pop("options", {"expression": "response.text == 'right'"})
    rule = RuleSpec(
        id="one",
        name="One",
        kind="invariant",
        stages=frozenset({Stage.OUTPUT}),
        action=action,
        options=options,
        **fields,
    )
    return judged(PolicySet([PolicySpec(id="p", name="P", version=1, rules=(rule,))]).invariants, facts)


def test_the_examples_of_the_free_plan() -> None:
    rule = {"expression": "tenant.plan != 'free' || usage.output_tokens <= 2000"}
    assert judgement(Facts(tenant=FREE, usage=UsageFacts(output_tokens=2_000)), **rule).holds
    broken = judgement(Facts(tenant=FREE, usage=UsageFacts(output_tokens=2_001)), **rule)
    assert not broken.holds
    assert {shown.name: shown.value for shown in broken.evidence} == {
        "tenant.plan": "free",
        "usage.output_tokens": 2_001,
    }
    assert not any(shown.says_text for shown in broken.evidence)


def test_a_price_must_be_one_of_the_context() -> None:
    rule = {"expression": "amounts(response.text).all(a, a in amounts(retrieval.text))"}
    context = retrieved([Passage(text="The basic plan costs EUR 20.00 a month.")])
    assert judgement(Facts(response=ResponseFacts(text="It is 20 EUR."), retrieval=context), **rule).holds
    broken = judgement(Facts(response=ResponseFacts(text="It is 20 EUR, later 25 EUR."), retrieval=context), **rule)
    assert seen(broken)["a"] == {"value": 25.0, "currency": "EUR"}


def test_an_answer_about_refunds_must_cite_a_policy() -> None:
    rule = {
        "applies_if": "response.text.containsAny(['refund', 'money back'])",
        "expression": "response.text.matches(r'(?i)policy [A-Z]?\\d+') || response.citations.size() > 0",
    }
    assert not judgement(Facts(response=ResponseFacts(text="Hello.")), **rule).applies
    assert judgement(Facts(response=ResponseFacts(text="A refund follows policy R7.")), **rule).holds
    assert not judgement(Facts(response=ResponseFacts(text="You get your money back.")), **rule).holds


def test_evidence_that_is_named_is_shown_and_no_other() -> None:
    facts = Facts(response=ResponseFacts(text="a" * 500), usage=UsageFacts(output_tokens=3))
    broken = judgement(
        facts,
        expression="response.text == ''",
        evidence={"answer": "response.text", "long": "size(response.text) > 100"},
    )
    assert [(shown.name, shown.says_text) for shown in broken.evidence] == [("answer", True), ("long", False)]
    assert broken.evidence[0].value == "a" * 300 + "\u2026"


def test_what_a_rule_names_wrongly_is_said_of_the_option() -> None:
    options = InvariantOptions(expression="response.txt == ''", applies_if="1", evidence={"n": "size(1)"})
    assert [name for name, _ in problems_of(options)] == ["expression", "applies_if", "evidence"]


def test_after_the_answer_a_rule_can_only_flag() -> None:
    check = KINDS["invariant"].rule_problems
    rule = RuleSpec(
        id="r",
        name="R",
        kind="invariant",
        stages=frozenset({Stage.OUTPUT}),
        action=Action.BLOCK,
        options={"expression": "true", "when": "after"},
    )
    assert check is not None
    assert [field for field, _ in check(rule)] == ["action"]
    assert not list(check(msgspec.structs.replace(rule, action=Action.FLAG)))


def test_a_broken_invariant_blocks_withholds_or_flags() -> None:
    wrong = Facts(response=ResponseFacts(text="wrong"))
    assert verdict(wrong).blocking is not None
    withheld = verdict(wrong, Action.REDACT)
    assert (withheld.blocking, withheld.texts) == (None, [WITHHELD])
    flagged = verdict(wrong, Action.FLAG)
    assert (flagged.action, flagged.texts) == (Action.FLAG, ["wrong"])
    assert verdict(Facts(response=ResponseFacts(text="right"))).action is None


def test_in_shadow_a_broken_invariant_is_only_told() -> None:
    found = verdict(Facts(response=ResponseFacts(text="wrong")), shadow=True)
    assert (found.action, len(found.matches), found.texts) == (None, 1, ["wrong"])


def test_what_cannot_be_answered_is_a_failure_and_on_error_decides() -> None:
    options = {"expression": "json(response.text).total > 0"}
    allowed = verdict(Facts(response=ResponseFacts(text="{}")), options=options)
    assert (allowed.action, allowed.failures[0].reason) == (None, "error")
    assert (
        verdict(Facts(response=ResponseFacts(text="{}")), options=options, on_error=OnError.BLOCK).blocking is not None
    )


def test_a_rule_that_cannot_be_built_fails() -> None:
    found = verdict(Facts(), options={"expression": "nothing.of == 'this'"})
    assert found.failures[0].reason == "broken"


def test_rules_about_calls_are_not_asked_about_texts() -> None:
    rule = RuleSpec(
        id="r",
        name="R",
        kind="invariant",
        stages=frozenset({Stage.OUTPUT}),
        action=Action.FLAG,
        options={"expression": "true"},
    )
    policies = PolicySet([PolicySpec(id="p", name="P", version=1, rules=(rule,))])
    assert (len(policies.at(Stage.OUTPUT)), len(policies.invariants)) == (0, 1)


def test_facts_of_a_chat() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "price", "arguments": '{"item": "a"}'}}
    body = {
        "model": "m",
        "temperature": 0.5,
        "max_tokens": 10,
        "tools": [{"type": "function", "function": {"name": "price"}}],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "How much?"}, {"type": "image_url"}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "20 EUR"},
        ],
    }
    request = request_of(body, route="r")
    assert (request.model, request.route, request.system, request.prompt) == ("m", "r", "Be brief.", "How much?")
    assert (request.tools, request.max_tokens, request.parameters) == (["price"], 10, {"temperature": 0.5})
    assert request.messages[2].tool_calls[0].arguments == {"item": "a"}
    assert [passage.text for passage in passages_of(request.messages)] == ["20 EUR"]
    choice = {"message": {"content": "20 EUR", "annotations": [{"url_citation": {"url": "https://a.example"}}]}}
    response = response_of(choice, {"model": "m-1"}, provider="p")
    assert (response.text, response.citations, response.model) == ("20 EUR", ["https://a.example"], "m-1")


@pytest.mark.parametrize("odd", [{}, {"messages": [None, 3]}, {"messages": [{"content": 7, "tool_calls": [None, {}]}]}])
def test_facts_of_an_odd_chat_are_empty(odd: dict[str, Any]) -> None:
    assert request_of(odd).prompt == ""
    assert response_of({"message": None}, {}).text == ""
