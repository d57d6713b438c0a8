"""Live evaluations over the management API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from evaluation.models import LiveEvaluation
from tenants.models import Tenant
from tenants.service_keys import create_service_key
from tests.evaluation.golden_rows import make_evaluator
from tests.evaluation.live.live_calls import make_live, plant_score
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db
HERE = "/api/v1/evaluation/live-evaluations"


@pytest.fixture
def ask(acme: Tenant):
    """``ask(method, path, body)``: the status and JSON that a service key of Acme gets."""
    _, key = create_service_key(name="pipeline", tenant=acme, scopes=("manage",))
    client = Client(headers={"authorization": f"Bearer {key}"})

    def asked(method: str, path: str = "", body: dict[str, Any] | None = None) -> tuple[int, Any]:
        response = getattr(client, method)(f"{HERE}{path}", body, content_type="application/json")
        return response.status_code, response.json() if response.content else None

    return asked


def test_one_is_created_changed_and_deleted(ask, acme: Tenant):
    make_evaluator(acme, "toxicity", "Polite")
    make_evaluator(acme, "refusal", "Answers")
    status, made = ask("post", "", {"name": "Shop", "evaluators": ["Polite"], "rate": 0.1, "tags": {"app": "shop"}})
    assert (status, made["evaluators"], made["tags"], made["enabled"]) == (201, ["Polite"], {"app": "shop"}, True)

    status, changed = ask("patch", f"/{made['id']}", {"evaluators": ["Polite", "Answers"], "rate": 0.2})
    assert (status, changed["evaluators"], changed["rate"]) == (200, ["Answers", "Polite"], 0.2)
    assert ask("patch", f"/{made['id']}", {"enabled": False})[1]["evaluators"] == ["Answers", "Polite"]

    assert ask("delete", f"/{made['id']}")[0] == 204
    assert not LiveEvaluation.objects.for_tenant(acme).exists()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"evaluators": ["Nobody"]}, "no evaluator called"),
        ({"evaluators": ["Exact"]}, "no expected answer"),
        ({"evaluators": []}, "at least one evaluator"),
        ({"evaluators": ["Polite"], "rate": 2}, "less than or equal to 1"),
    ],
)
def test_what_is_not_valid_is_refused_with_the_reason(ask, acme: Tenant, fields: dict[str, Any], told: str):
    make_evaluator(acme, "toxicity", "Polite")
    make_evaluator(acme, "exact", "Exact")
    status, answer = ask("post", "", {"name": "Shop", **fields})
    assert status == 400
    assert told in str(answer)


def test_scores_are_told_without_texts(ask, acme: Tenant):
    row = make_live(acme)
    plant_score(row, 1.0, run_id="req_good")
    plant_score(row, 0.25, run_id="req_bad", question="secret words")

    status, told = ask("get", f"/{row.pk}/scores?period=1h")

    assert status == 200
    (figures,) = told["figures"]
    assert (figures["evaluator"], figures["scored"], figures["mean"], figures["low"]) == ("Says fine", 2, 0.625, 1)
    assert [one["run_id"] for one in told["lowest"]] == ["req_bad", "req_good"]
    assert "secret words" not in str(told)
    assert ask("get", f"/{row.pk}/scores?period=1y")[0] == 400


def test_another_tenants_are_unknown(ask):
    row = make_live(make_tenant(slug="other", name="Other"))
    assert ask("get", f"/{row.pk}")[0] == 404
    assert ask("get", f"/{row.pk}/scores")[0] == 404
