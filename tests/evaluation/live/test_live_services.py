"""Live evaluations are created, changed and deleted, each with one audit entry."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from contracts.live_samples import live_specs_of, score_names_of
from evaluation.evaluators import delete_evaluator
from evaluation.live.rows import DIMENSIONS
from evaluation.live.services import (
    create_live_evaluation,
    delete_live_evaluation,
    evaluators_of,
    update_live_evaluation,
)
from evaluation.models import LiveEvaluation
from tenants.audit import AuditEntry
from tenants.models import Tenant
from tests.evaluation.golden_rows import make_evaluator
from tests.evaluation.live.live_calls import make_live, plant_score, samples, scores
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


def entries(tenant: Tenant) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(tenant_ref=tenant.pk, object_type="liveevaluation").order_by("pk"))


def test_one_is_created_with_its_evaluators_and_gateways_hear_of_it(acme: Tenant):
    row = make_live(acme, routes=["chat"], tags={"app": "shop"}, min_per_hour=5)

    (spec,) = live_specs_of(acme.pk)
    assert (spec.id, spec.routes, spec.tags) == (str(row.pk), frozenset({"chat"}), (("app", "shop"),))
    assert score_names_of(acme.pk) == ["Says fine"]
    (entry,) = entries(acme)
    assert entry.after["evaluators"] == ["Says fine"]


def test_a_change_is_one_entry_with_what_changed_and_nothing_is_none(acme: Tenant):
    row = make_live(acme)
    polite = make_evaluator(acme, "toxicity", "Polite")
    update_live_evaluation(evaluation=row, rate=0.5, evaluators=[polite])
    update_live_evaluation(evaluation=row, rate=0.5)

    _, entry = entries(acme)
    assert entry.before == {"rate": 1.0, "evaluators": ["Says fine"]}
    assert entry.after == {"rate": 0.5, "evaluators": ["Polite"]}
    assert evaluators_of(row) == [polite]


def test_switched_off_no_gateway_samples_for_it(acme: Tenant):
    make_live(acme, enabled=False)
    assert live_specs_of(acme.pk) == ()


def test_its_scores_go_with_it_and_samples_stay(acme: Tenant):
    row = make_live(acme)
    plant_score(row)
    delete_live_evaluation(evaluation=row)
    assert scores(acme) == []
    assert len(samples(acme)) == 1
    assert not LiveEvaluation.objects.for_tenant(acme).exists()


def test_an_evaluator_that_is_asked_cannot_be_deleted(acme: Tenant):
    row = make_live(acme)
    with pytest.raises(ValidationError, match="still used by: live evaluation All answers"):
        delete_evaluator(evaluator=evaluators_of(row)[0])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"rate": 1.5}, "rate"),
        ({"min_per_hour": 50, "max_per_hour": 10}, "min_per_hour"),
        ({"tags": {"app": 3}}, "tags"),
        ({"name": ""}, "name"),
    ],
)
def test_what_makes_no_sense_is_refused(acme: Tenant, wrong: dict[str, Any], field: str):
    with pytest.raises(ValidationError) as refused:
        make_live(acme, **wrong)
    assert field in refused.value.message_dict


def test_evaluators_are_the_tenants_own_and_of_use_without_an_expected_answer(acme: Tenant):
    other = make_evaluator(make_tenant(slug="other", name="Other"), "toxicity")
    for evaluators in ([], [other], [make_evaluator(acme, "exact")]):
        with pytest.raises(ValidationError):
            create_live_evaluation(tenant=acme, name="Wrong", evaluators=evaluators)


def test_embeddings_have_the_dimension_that_samples_have():
    from embeddings.static import DIMENSIONS as MADE

    assert DIMENSIONS == MADE
