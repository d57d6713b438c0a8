"""The editor of business invariants."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client

from guardrails.engine.invariants.facts import VARIABLES
from guardrails.engine.invariants.functions import LISTED
from guardrails.pages.invariant_help import EXAMPLES, functions, variables
from tenants.models import Tenant
from tests.events.builders import completed, started
from tests.gateway.pages.runs import kept_events, make_run, tell
from tests.guardrails.engine.invariants.expressions import problem_of
from tests.guardrails.invariant_rows import PRICES, invariant_rule
from tests.guardrails.policy_rows import make_policy
from tests.tenants.factories import make_tenant

__all__ = ["kept_events"]

pytestmark = pytest.mark.django_db

FORM = {"name": "Prices", "stages": ["output"], "action": "block", "deadline_ms": 50, "on_error": "allow"}


def body(response: Any) -> str:
    return html.unescape(response.content.decode())


def tried(client: Client, policy: Any, **fields: str) -> str:
    sent = {f"option_{name}" if name not in ("call", "run") else name: value for name, value in fields.items()}
    return body(client.post(f"/t/acme/guardrails/{policy.pk}/invariant/", sent))


def test_the_form_shows_what_can_be_written(developer: Client, acme: Tenant):
    page = body(developer.get(f"/t/acme/guardrails/{make_policy(acme).pk}/rules/new/invariant/"))

    for text in (*(example.title for example in EXAMPLES), "usage.output_tokens", "amounts(string) → list(Amount)"):
        assert text in page
    assert '<textarea name="option_expression"' in page


def test_everything_that_can_be_written_is_listed():
    assert {group.name for group in variables()} >= {*VARIABLES, "Message", "ToolCall", "Passage", "Amount"}
    assert sum(len(group.entries) for group in functions()) == len(LISTED)
    assert all(entry.about for group in variables() for entry in group.entries)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_the_examples_can_be_used(example: Any):
    assert problem_of(example.expression) == ""
    assert problem_of(example.applies_if or "true") == ""


def test_an_invariant_is_filled_in_and_stands_in_the_draft(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    options = {"option_expression": PRICES, "option_evidence": "said = response.text", "option_when": "inline"}

    developer.post(f"/t/acme/guardrails/{policy.pk}/rules/new/invariant/", {**FORM, **options})

    policy.refresh_from_db()
    assert policy.rules[-1]["options"] == {"expression": PRICES, "evidence": {"said": "response.text"}}


def test_what_is_wrong_is_said_beside_the_expression(developer: Client, acme: Tenant):
    options = {"option_expression": "response.txt == ''", "option_when": "inline"}

    page = body(developer.post(f"/t/acme/guardrails/{make_policy(acme).pk}/rules/new/invariant/", {**FORM, **options}))

    assert "Line 1, column 10: response has no field 'txt'. Did you mean 'text'?" in page


def test_a_call_is_tried_as_one_types(developer: Client, acme: Tenant):
    policy = make_policy(acme, "standard", invariant_rule())
    call = '{"response": {"text": "25 EUR"}, "retrieval": {"passages": [{"text": "20 EUR"}]}}'

    assert "Broken" in (broken := tried(developer, policy, expression=PRICES, call=call))
    assert '"currency": "EUR"' in broken
    assert "Holds" in tried(developer, policy, expression=PRICES, call=call.replace("25", "20"))
    assert "Not about this call" in tried(developer, policy, expression=PRICES, applies_if="false", call=call)
    assert "No answer" in tried(developer, policy, expression="json(response.text).a == 1", call=call)
    assert "Can be used" in tried(developer, policy, expression=PRICES)
    assert "Write what must be true" in tried(developer, policy)
    assert "There is no usage.tokens" in tried(developer, policy, expression="true", call='{"usage": {"tokens": 1}}')
    wrong = tried(developer, policy, expression="true &&\n  respons.text == ''")
    assert "Line 2, column 3: There is no 'respons' here. Did you mean 'response'?" in wrong


@pytest.mark.usefixtures("kept_events")
def test_a_stored_call_is_tried_by_whoever_may_read_it(developer: Client, acme: Tenant):
    run, foreign = make_run(acme), make_run(make_tenant())
    for one in (run, foreign):
        tell(one, started(input=[{"role": "user", "content": "How much?"}]), 0).save()
        tell(one, completed(output={"content": "25 EUR"}), 5).save()
    policy = make_policy(acme)

    found = tried(developer, policy, expression=PRICES, run=run.correlation_id)
    missing = tried(developer, policy, expression=PRICES, run=foreign.correlation_id)

    assert "Broken" in found or "by whoever may read prompts" in found
    assert "There is no such call" in missing or "by whoever may read prompts" in missing
    assert "25 EUR" not in missing


def test_an_answer_is_held_to_invariants_in_the_tester(developer: Client, acme: Tenant):
    policy = make_policy(acme, "standard", invariant_rule())

    page = body(developer.post(f"/t/acme/guardrails/{policy.pk}/test/", {"stage": "output", "text": "It is 25 EUR."}))

    assert "Prices" in page
    assert "response.text" in page
