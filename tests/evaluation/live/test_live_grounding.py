"""How far answers of live calls rest on what they were given: scored, summed and held to an objective."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerting.budget_course import budget_course
from alerting.services import create_slo_with_rule
from tenants.models import Tenant
from tests.evaluation.golden_rows import make_evaluator
from tests.evaluation.live.live_calls import ask, make_live, scored, scores, store
from tests.gateway.doubles import RecordingEmitter

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("queues")]

TERMS = "You said: invoices are paid within 30 days of delivery. Late payment costs 2 percent a month."


@pytest.mark.parametrize(("kind", "limit"), [("hallucination_risk", 0.5), ("groundedness", 0.5)])
def test_an_objective_counts_answers_that_rest_on_their_passages(
    answering: Tenant, key: str, told: RecordingEmitter, kind: str, limit: float
):
    make_live(answering, make_evaluator(answering, kind, "Rests"))
    slo = create_slo_with_rule(
        tenant=answering, name="Grounded", kind="score", evaluator="Rests", limit=limit, objective=0.5
    )
    for said in ("invoices are paid within 30 days of delivery.", "invoices are paid in gold by dragons from Peru."):
        messages = [{"role": "system", "content": TERMS}, {"role": "user", "content": said}]
        ask(key, said, messages=messages)

    assert scored(answering) == 2

    good, bad = sorted((one.value or 0.0 for one in scores(answering)), reverse=True)
    assert good > limit > bad
    minute = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
    store(told.events, minute, spool=kind)
    course = budget_course(slo, slo.scope, int((minute + timedelta(minutes=5)).timestamp()))
    assert (course.good, course.total) == (1, 2)
