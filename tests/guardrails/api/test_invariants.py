"""Business invariants over the management API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guardrails.invariant_rows import PRICES, invariant_rule
from tests.guardrails.policy_rows import make_policy
from tests.tenants.factories import make_tenant
from tests.tenants.rest.callers import READ, caller, error_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

POLICIES = "/api/v1/guardrails/policies"
RULE: dict[str, Any] = {
    "name": "Prices",
    "kind": "invariant",
    "stages": ["output"],
    "action": "block",
    "options": {"expression": PRICES},
}


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"options": {"expression": "response.txt == ''"}}, "Line 1, column 10: response has no field 'txt'."),
        ({"options": {"expression": "size(response.text)"}}, "must say what is true or false"),
        ({"options": {"expression": PRICES, "applies_if": "1"}}, "options.applies_if"),
        ({"options": {"expression": PRICES, "evidence": {"n": "nothing"}}}, "n: Line 1, column 1"),
        ({"options": {"expression": PRICES, "when": "after"}}, "can only flag"),
        ({"options": {}}, "expression"),
        ({"stages": ["input"]}, "does not look at: input"),
        ({"action": "mask"}, "cannot mask"),
    ],
)
def test_what_cannot_be_right_is_refused_when_it_is_saved(wrong: dict[str, Any], problem: str):
    answer = caller(make_tenant()).post(POLICIES, {"name": "p", "rules": [{**RULE, **wrong}]})

    assert answer.status_code == 400
    assert error_of(answer)["param"] == "rules"
    assert problem in str(answer.json())


def test_an_answer_is_tried_with_what_is_known_of_its_call():
    tenant = make_tenant()
    policy = make_policy(tenant, "standard", invariant_rule())
    call = {"request": {"messages": [{"role": "user", "content": "?"}, {"role": "tool", "content": "It is 20 EUR."}]}}

    told = (
        caller(tenant, READ)
        .post(f"{POLICIES}/{policy.pk}/test", {"text": "25 EUR.", "stage": "output", "call": call})
        .json()
    )
    fine = (
        caller(tenant, READ)
        .post(f"{POLICIES}/{policy.pk}/test", {"text": "20 EUR.", "stage": "output", "call": call})
        .json()
    )

    assert (told["action"], fine["action"]) == ("block", "allow")
    [violation] = told["violations"]
    assert (violation["rule"], violation["why"]) == ("Prices", "Prices are binding.")
    assert violation["evidence"]["a"] == {"value": 25.0, "currency": "EUR"}
    assert fine["violations"] == []


def test_what_cannot_be_told_of_a_call_is_a_failure():
    tenant = make_tenant()
    policy = make_policy(tenant, "standard", invariant_rule("json(response.text).total > 0"))

    told = caller(tenant, READ).post(f"{POLICIES}/{policy.pk}/test", {"text": "{}", "stage": "output"}).json()

    assert [failure["rule"] for failure in told["failures"]] == ["Prices"]


@pytest.mark.parametrize("call", [[], {"answer": {}}, {"usage": {"output_tokens": "many"}}, {"usage": {"tokens": 1}}])
def test_a_call_that_makes_no_sense_is_refused(call: Any):
    tenant = make_tenant()
    policy = make_policy(tenant, "standard", invariant_rule())

    answer = caller(tenant, READ).post(f"{POLICIES}/{policy.pk}/test", {"text": "x", "stage": "output", "call": call})

    assert answer.status_code == 400
    assert error_of(answer)["param"] == "call"
