"""Rules that ask a model on their pages: asked when somebody says so, and never unseen."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from contracts.guardrails import Stage
from contracts.ports import ModelQuestion
from guardrails import dry_run_costs
from guardrails.cases import add_case, run_cases
from guardrails.dry_runs import request_dry_run, work_off
from guardrails.engine.invariants.facts import Facts
from guardrails.models import DryRun, Policy
from guardrails.stored_texts import StoredCall
from tenants.models import Tenant
from tests.guardrails.pages.conftest import body
from tests.guardrails.policy_rows import make_policy, words_rule

pytestmark = pytest.mark.django_db

FORM: dict[str, Any] = {
    "name": "Refunds",
    "stages": ["output"],
    "action": "block",
    "deadline_ms": 8_000,
    "on_error": "block",
    "option_criterion": "The text promises a refund.\nQuestions about refunds are fine.",
    "option_route": "judges",
    "option_when": "inline",
    "option_sample_percent": "100",
    "option_min_confidence": "0.5",
}


class Model:
    """Says of everything that it matches, for a thousandth of a dollar."""

    asked = 0

    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id

    async def ask(self, question: ModelQuestion) -> str:
        Model.asked += 1
        key = question.schema["properties"]["key"]["enum"][0]
        return f'{{"key": "{key}", "matches": true, "confidence": 0.9, "reason": "It promises one."}}'

    def estimate_nanousd(self, route: str, *, input_tokens: int, output_tokens: int) -> int | None:
        return (input_tokens + output_tokens) * 1_000 if route == "judges" else None


@pytest.fixture(autouse=True)
def _model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guardrails.model_callers._maker", Model)
    Model.asked = 0


def judged(tenant: Tenant, criterion: str) -> Policy:
    options = {"criterion": criterion, "route": "judges"}
    return make_policy(tenant, "judged", words_rule("Refunds", kind="judge", options=options, deadline_ms=5_000))


def test_a_judge_is_filled_in_with_its_criterion_and_route(developer: Client, acme: Tenant):
    policy = make_policy(acme)

    saved = developer.post(f"/t/acme/guardrails/{policy.pk}/rules/new/judge/", FORM)

    assert saved.status_code == 302
    policy.refresh_from_db()
    criterion = "The text promises a refund.\nQuestions about refunds are fine."
    assert policy.rules[-1]["options"] == {"criterion": criterion, "route": "judges"}


def test_while_one_types_no_model_is_asked(developer: Client, acme: Tenant):
    policy = judged(acme, "While one types.")

    page = body(developer.post(f"/t/acme/guardrails/{policy.pk}/test/", {"stage": "input", "text": "A refund!"}))

    assert "asks a model, which costs money" in page
    assert Model.asked == 0


def test_whoever_presses_the_button_asks_and_sees_why(developer: Client, as_member, acme: Tenant):
    policy = judged(acme, "With the button.")
    sent = {"stage": "input", "text": "A refund!", "judges": "1"}

    unasked = body(as_member("viewer").post(f"/t/acme/guardrails/{policy.pk}/test/", sent))
    page = body(developer.post(f"/t/acme/guardrails/{policy.pk}/test/", sent))

    assert "Not asked" in unasked
    assert "JUDGED" in page
    assert "It holds. It promises one." in page
    assert Model.asked == 1


def test_cases_leave_judges_out(acme: Tenant):
    policy = judged(acme, "In cases.")
    add_case(policy=policy, expect="found", text="A refund!", rule_id="refunds")

    [result] = run_cases(policy).results

    assert (result.passed, result.reason, Model.asked) == (True, "Not run: the rule asks a model.", 0)


@pytest.fixture
def one_call(monkeypatch: pytest.MonkeyPatch, acme: Tenant) -> None:
    from events.models import Run

    run = Run(tenant_id=str(acme.pk), correlation_id="req_1", route="chat", key_id="key-1")
    run.started_at = acme.created_at
    call = StoredCall(run, {Stage.INPUT: ["A refund, please!"]}, Facts())
    for module in ("guardrails.dry_runs", "guardrails.dry_run_costs"):
        monkeypatch.setattr(f"{module}.stored_calls", lambda *_: iter([call]))


@pytest.mark.usefixtures("one_call")
def test_what_a_dry_run_with_judges_will_cost_is_said_before_it_starts(developer: Client, acme: Tenant):
    policy = judged(acme, "x" * 60)

    [small, _] = dry_run_costs.judging_estimates(policy, [100, 500])
    page = body(developer.get(f"/t/acme/guardrails/{policy.pk}/?tab=dry-runs"))

    assert (small.questions, small.nanousd) == (100, 100 * (350 + 19 + 80) * 1_000)
    assert "100 calls: about 100 questions, " in page
    assert "Have models judge as well" in page


@pytest.mark.usefixtures("one_call")
@pytest.mark.parametrize("asks", [True, False])
def test_a_dry_run_asks_models_where_that_was_said(acme: Tenant, asks: bool):
    policy = judged(acme, f"In a dry run {asks}.")
    row = request_dry_run(policy=policy, calls=100, ask_models=asks)

    work_off(row.pk)

    done = DryRun.objects.get(pk=row.pk, tenant=acme)
    assert (done.state, done.by_rule, Model.asked) == ("done", {"refunds": 1} if asks else {}, int(asks))
