"""Schedules of runs over the management API."""

from __future__ import annotations

import pytest

from evaluation.gates import create_gate
from evaluation.models import EvalRun, RunSchedule
from routing.services import create_route
from tenants.models import Tenant
from tests.evaluation.golden_rows import make_evaluator, make_set

pytestmark = pytest.mark.django_db
HERE = "run-schedules"


def test_a_schedule_is_made_changed_run_and_deleted(ask, acme: Tenant):
    create_route(name="chat", tenant=acme)
    golden_set = make_set(acme)
    gate = create_gate(golden_set=golden_set, name="holds", evaluator="answered")
    same = make_evaluator(acme, "exact", "Same")
    body = {
        "golden_set_id": str(golden_set.pk), "name": "Nightly", "variants": [{"name": "live", "model": "chat"}],
        "evaluators": [str(same.pk)], "gate_id": str(gate.pk), "every": "daily", "hour": 3,
    }  # fmt: skip

    status, made = ask("post", HERE, body)

    assert (status, made["variants"], made["evaluators"]) == (201, body["variants"], [str(same.pk)])
    assert made["gate_id"] == str(gate.pk)
    status, changed = ask("patch", f"{HERE}/{made['id']}", {"gate_id": None, "hour": 4})
    assert (status, changed["gate_id"], changed["hour"]) == (200, None, 4)
    status, run = ask("post", f"{HERE}/{made['id']}/run")
    assert (status, run["state"], run["name"][:8]) == (201, "waiting", "Nightly,")
    assert "still under way" in str(ask("post", f"{HERE}/{made['id']}/run")[1])
    assert ask("delete", f"{HERE}/{made['id']}")[0] == 204
    assert not RunSchedule.objects.for_tenant(acme).exists()
    assert EvalRun.objects.for_tenant(acme).count() == 1


def test_what_is_not_valid_is_refused_with_the_reason(ask, acme: Tenant):
    body = {"golden_set_id": str(make_set(acme).pk), "name": "x", "variants": [{"name": "a", "model": "chat"}]}

    status, answer = ask("post", HERE, {**body, "every": "cron", "cron": "0 0 31 2 *"})

    assert status in (400, 422)
    assert "No day fits" in str(answer)
