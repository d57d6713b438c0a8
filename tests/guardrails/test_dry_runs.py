"""Drafts tried on stored calls."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from contracts.guardrails import Stage
from guardrails.dry_runs import request_dry_run, work_off
from guardrails.models import DryRun
from guardrails.stored_texts import texts_of
from tenants.models import Tenant
from tests.events.builders import completed, started
from tests.gateway.pages.runs import kept_events, make_run, tell
from tests.guardrails.policy_rows import make_policy
from tests.tenants.factories import make_tenant

__all__ = ["kept_events"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Tenant:
    return make_tenant(slug="acme", payload_storage="stored")


@pytest.mark.parametrize(("storage", "owned"), [("none", True), ("stored", False)])
def test_there_must_be_stored_calls_to_look_at(storage: str, owned: bool):
    tenant = make_tenant(payload_storage=storage) if owned else None

    with pytest.raises(ValidationError, match=r"stores no prompts|no calls of its own"):
        request_dry_run(policy=make_policy(tenant), calls=100)


@pytest.mark.usefixtures("kept_events")
def test_a_dry_run_counts_what_the_draft_would_have_done(acme: Tenant):
    for text in ("Is Globex better?", "How are you?", None):
        run = make_run(acme)
        given = [{"role": "user", "content": text}] if text else None
        tell(run, started(input=given), 0).save()
        tell(run, completed(output={"content": "Fine."} if text else None), 5).save()
    make_run(acme, route="other")
    row = request_dry_run(policy=make_policy(acme, routes=["support"]), calls=100)

    work_off(row.pk)

    row = DryRun.objects.for_tenant(acme).get()
    assert (row.state, row.looked_at, row.without_text) == ("done", 2, 1)
    assert (row.counts, row.by_rule) == ({"block": 1}, {"rivals": 1})
    assert [(one["action"], one["entities"]) for one in row.examples] == [("block", ["LISTED_WORD"])]


def test_a_dry_run_without_calls_ends_at_nothing(acme: Tenant):
    row = request_dry_run(policy=make_policy(acme), calls=100)

    work_off(row.pk)

    row = DryRun.objects.for_tenant(acme).get()
    assert (row.state, row.looked_at, row.counts, row.examples) == ("done", 0, {}, [])


def test_a_dry_run_that_stops_says_so(acme: Tenant):
    row = request_dry_run(policy=make_policy(acme), calls=100)
    DryRun.objects.for_tenant(acme).update(rules=[{"nonsense": 1}])

    work_off(row.pk)

    assert DryRun.objects.for_tenant(acme).get().state == "failed"


def test_texts_are_looked_at_where_they_would_have_stood():
    given = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "image_url", "image_url": {}}]},
        {"role": "tool", "content": "42"},
    ]
    answer = {"content": "Hi", "tool_calls": [{"function": {"name": "f", "arguments": '{"a": 1}'}}]}

    assert texts_of([{"input": given}, {"output": answer}]) == {
        Stage.INPUT: ["Be kind.", "Hello"],
        Stage.TOOL_RESULT: ["42"],
        Stage.OUTPUT: ["Hi"],
        Stage.TOOL_CALL: ['{"a": 1}'],
    }
    assert texts_of([{}, {"output": "plain"}]) == {Stage.OUTPUT: ["plain"]}
