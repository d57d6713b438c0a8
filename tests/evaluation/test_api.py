"""Evaluations over the management API."""

from __future__ import annotations

import pytest

from evaluation.models import EvalRun
from routing.services import create_route
from tenants.models import Tenant
from tests.evaluation.golden_rows import finished_run, make_set

pytestmark = pytest.mark.django_db
HERE = "/api/v1/evaluation"


def test_a_set_is_filled_scored_and_run(ask, acme: Tenant):
    create_route(name="chat", tenant=acme)
    _, made = ask("post", "golden-sets", {"name": "Support"})
    status, items = ask("post", f"golden-sets/{made['id']}/items", {"items": [{"input": "Hi", "expected": "Hello"}]})
    assert (status, items["version"], items["items"][0]["expected"]) == (200, 1, "Hello")
    assert ask("get", f"golden-sets/{made['id']}")[1]["items"] == 1
    assert ask("post", "evaluators", {"name": "Same", "kind": "exact"})[0] == 201

    body = {"golden_set_id": made["id"], "name": "Nightly", "variants": [{"name": "a", "model": "chat"}]}
    status, run = ask("post", "runs", {**body, "evaluators": ["Same"]})

    assert (status, run["state"], run["total"]) == (201, "waiting", 1)
    assert ask("post", f"runs/{run['id']}/stop")[0] == 200
    assert EvalRun.objects.for_tenant(acme).get().stop_requested


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("evaluators", {"name": "x", "kind": "regex", "options": {"pattern": "("}}, "No pattern of RE2"),
        ("evaluators", {"name": "x", "kind": "nothing"}, "no kind of evaluator"),
        ("gates", {"name": "x", "evaluator": "latency_ms"}, "A gate holds a score"),
    ],
)
def test_what_is_not_valid_is_refused_with_the_reason(ask, acme: Tenant, path: str, body: dict, told: str):
    golden = {"golden_set_id": str(make_set(acme).pk)} if path == "gates" else {}

    status, answer = ask("post", path, {**body, **golden})

    assert status in (400, 422)
    assert told in str(answer)


def test_a_pipeline_asks_a_gate_and_reads_its_exit_code(ask, acme: Tenant):
    golden_set = make_set(acme, *(f"Question {at}" for at in range(20)))
    run = finished_run(golden_set, {"old": [0.9] * 20, "new": [0.1, 0.2] * 10})
    made = {"golden_set_id": str(golden_set.pk), "name": "holds", "evaluator": "quality", "max_drop": 0.02}
    _, gate = ask("post", "gates", made)

    status, found = ask(
        "post", f"gates/{gate['id']}/check", {"candidate": f"{run.pk}/new", "baseline": f"{run.pk}/old"}
    )

    assert (status, found["outcome"], found["exit_code"]) == (200, "fail", 1)
    assert ask("post", f"gates/{gate['id']}/check", {"candidate": "x", "baseline": "y"})[0] in (400, 422)
