"""Invariants on calls that were made: dry runs, and what is known of a stored call."""

from __future__ import annotations

import pytest

from guardrails.dry_runs import request_dry_run, work_off
from guardrails.models import DryRun
from guardrails.stored_texts import stored_call
from tenants.models import Tenant
from tests.events.builders import completed, started
from tests.gateway.pages.runs import kept_events, make_run, tell
from tests.guardrails.invariant_rows import invariant_rule
from tests.guardrails.policy_rows import make_policy
from tests.tenants.factories import make_tenant

__all__ = ["kept_events"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_events")]

ASKED = [{"role": "user", "content": "How much?"}, {"role": "tool", "content": "It is 20 EUR.", "name": "prices"}]


@pytest.fixture
def acme() -> Tenant:
    return make_tenant(slug="acme", payload_storage="stored", plan="free")


def test_a_dry_run_holds_stored_calls_to_invariants(acme: Tenant):
    for text in ("20 EUR", "25 EUR"):
        run = make_run(acme)
        tell(run, started(input=ASKED), 0).save()
        tell(run, completed(output={"content": text}), 5).save()
    row = request_dry_run(policy=make_policy(acme, "standard", invariant_rule()), calls=100)

    work_off(row.pk)

    row = DryRun.objects.for_tenant(acme).get()
    assert (row.looked_at, row.counts, row.by_rule) == (2, {"block": 1}, {"prices": 1})
    assert row.examples[0]["entities"] == ["INVARIANT"]


def test_what_is_known_of_a_stored_call(acme: Tenant):
    run = make_run(acme, output_tokens=7, cost_nanousd=2_000_000_000)
    tell(run, started(input=ASKED), 0).save()
    tell(run, completed(output={"content": "20 EUR"}), 5).save()

    call = stored_call(str(acme.pk), run.correlation_id)

    assert call is not None
    facts = call.facts
    assert (facts.request.prompt, facts.response.text, facts.retrieval.text) == ("How much?", "20 EUR", "It is 20 EUR.")
    assert (facts.usage.output_tokens, facts.usage.cost_usd, facts.tenant.plan) == (7, 2.0, "free")
    assert stored_call(str(make_tenant().pk), run.correlation_id) is None
