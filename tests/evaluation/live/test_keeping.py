"""How long samples stay, and how one end user is taken out of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evaluation.models import LiveSample, LiveScore
from tenants.data_protection import apply_retention, erase_end_user, erase_late_arrivals, pseudonym_of
from tenants.models import Tenant
from tests.evaluation.live.live_calls import make_live, plant_score, samples, scores
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


def days_ago(days: float) -> dict[str, Any]:
    return {"at_ms": int((datetime.now(UTC) - timedelta(days=days)).timestamp() * 1000)}


def test_what_was_said_goes_with_payloads_and_the_rest_with_events(acme: Tenant):
    acme.payload_retention_days, acme.event_retention_days = 3, 10
    acme.save()
    evaluation = make_live(acme)
    for age in (1, 5, 20):
        plant_score(evaluation, run_id=f"run-{age}", **days_ago(age))

    assert apply_retention(acme).samples == 3

    kept = {one.run_id: one for one in samples(acme)}
    assert set(kept) == {"run-1", "run-5"}
    assert kept["run-1"].input_text == "How are you?"
    assert (kept["run-5"].input_text, kept["run-5"].output_text) == (None, None)
    assert (kept["run-5"].input_embedding, kept["run-5"].output_embedding) == (None, None)
    assert {one.sample.run_id: one.why for one in scores(acme)} == {"run-1": "It says 1.0.", "run-5": ""}
    assert apply_retention(acme).samples == 0


def test_an_end_user_is_taken_out_of_one_tenants_samples(acme: Tenant):
    other = make_tenant(slug="other", name="Other", payload_storage="stored")
    for tenant in (acme, other):
        evaluation = make_live(tenant)
        plant_score(evaluation, run_id="run-ann", user="ann", tags={"who": "ann", "app": "shop"})
        plant_score(evaluation, run_id="run-bob", user="bob", tags={"cc": "ann"})

    assert erase_end_user(acme, "ann").samples == 1

    ann, bob = (LiveSample.objects.for_tenant(acme).get(run_id=f"run-{name}") for name in ("ann", "bob"))
    pseudonym = pseudonym_of(acme.pk, "ann")
    assert (ann.end_user, ann.tags) == (pseudonym, {"who": pseudonym, "app": "shop"})
    assert (ann.input_text, ann.output_text, ann.input_embedding, ann.output_embedding) == (None, None, None, None)
    assert [one.why for one in LiveScore.objects.for_tenant(acme).filter(sample=ann)] == [""]
    assert (bob.end_user, bob.tags, bob.input_text) == ("bob", {"cc": pseudonym}, "How are you?")
    assert LiveSample.objects.for_tenant(other).get(run_id="run-ann").input_text == "How are you?"


def test_a_sample_that_is_written_after_the_erasure_is_erased_by_the_nightly_job(acme: Tenant):
    evaluation = make_live(acme)
    erase_end_user(acme, "ann")
    plant_score(evaluation, run_id="run-late", user="ann")

    assert erase_late_arrivals(acme) == 1

    assert samples(acme)[0].input_text is None
    assert erase_late_arrivals(acme) == 0
