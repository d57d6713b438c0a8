"""Pages of schedules of runs."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from evaluation.gates import create_gate
from evaluation.models import EvalRun, GoldenSet, RunSchedule, ScheduledRun
from routing.services import create_route
from tenants.models import Tenant
from tests.evaluation.golden_rows import finished_run, make_evaluator, make_set
from tests.evaluation.pages.conftest import body

pytestmark = pytest.mark.django_db
HERE = "/t/acme/evaluation-runs/schedules/"


@pytest.fixture(autouse=True)
def _no_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluation.runs._begin", lambda _run: None)


@pytest.fixture
def golden_set(acme: Tenant) -> GoldenSet:
    create_route(name="chat", tenant=acme)
    return make_set(acme)


def typed(golden_set: GoldenSet, **fields: Any) -> dict[str, Any]:
    return {
        "name": "Nightly", "golden_set": str(golden_set.pk), "every": "daily", "time": "03:15", "enabled": "on",
        "model_0": "chat", "name_0": "live", "system_prompt_0": "Be brief.", "concurrency": "4",
        "max_output_tokens": "256", "budget": "1.50", **fields,
    }  # fmt: skip


def only(tenant: Tenant) -> RunSchedule:
    found: RunSchedule = RunSchedule.objects.for_tenant(tenant).get()
    return found


def test_a_schedule_is_made_run_changed_switched_and_deleted(developer: Client, acme: Tenant, golden_set):
    gate = create_gate(golden_set=golden_set, name="holds", evaluator="answered")
    judge = make_evaluator(acme, "exact", "Same")
    assert "Nothing runs by itself" in body(developer.get(HERE))

    sent = typed(golden_set, gate=str(gate.pk), evaluators=[str(judge.pk)])
    page = developer.post(f"{HERE}new/", sent).headers["Location"]

    row = only(acme)
    assert (row.hour, row.minute, row.budget_nanousd, row.gate) == (3, 15, 1_500_000_000, gate)
    assert row.variants == [{"name": "live", "model": "chat", "system_prompt": "Be brief."}]
    shown = body(developer.get(page))
    for said in ("Every day at 03:15", "the newest version", "Same", "holds", "It was not due yet"):
        assert said in shown
    run = developer.post(f"{page}run/").headers["Location"]
    assert "Nightly" in body(developer.get(run))
    assert EvalRun.objects.for_tenant(acme).get().max_output_tokens == 256
    assert "still under way" in body(developer.post(f"{page}run/", follow=True))

    form = body(developer.get(f"{page}edit/"))
    assert 'value="03:15"' in form
    assert "Be brief." in form
    developer.post(f"{page}edit/", typed(golden_set, name="Weekly", every="weekly", weekday="6", time="05:00"))
    row = only(acme)
    assert (row.name, row.every, row.weekday, row.gate, row.evaluators) == ("Weekly", "weekly", 6, None, [])
    developer.post(f"{page}switch/")
    assert only(acme).next_at is None
    developer.post(f"{page}delete/")
    assert not RunSchedule.objects.for_tenant(acme).exists()
    assert EvalRun.objects.for_tenant(acme).count() == 1


def test_each_time_is_shown_with_what_the_gate_said(developer: Client, acme: Tenant, golden_set):
    developer.post(f"{HERE}new/", typed(golden_set))
    run = finished_run(golden_set, {"live": [1.0, 1.0]})
    said = {"outcome": "fail", "why": "quality fell by 20 points."}
    slot = run.requested_at
    ScheduledRun.objects.create(tenant=acme, schedule=only(acme), slot=slot, run=run, gate_outcome=said)

    shown = body(developer.get(f"{HERE}{only(acme).pk}/"))

    assert "Fails" in shown
    assert "quality fell by 20 points." in shown


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"every": "cron", "cron": "0 0 31 2 *"}, "No day fits"),
        ({"model_0": "nobody"}, "Select a valid choice"),
        ({"model_1": "chat", "name_1": "live"}, "same name"),
    ],
)
def test_a_form_that_is_refused_keeps_what_was_typed(developer: Client, acme: Tenant, golden_set, wrong, told):
    shown = body(developer.post(f"{HERE}new/", typed(golden_set, **wrong)))

    assert told in shown
    assert "Be brief." in shown
    assert not RunSchedule.objects.for_tenant(acme).exists()


def test_who_may_not_change_evaluations_only_looks(as_member, developer: Client, acme: Tenant, golden_set):
    developer.post(f"{HERE}new/", typed(golden_set))
    viewer = as_member("viewer")

    assert "Run now" not in body(viewer.get(f"{HERE}{only(acme).pk}/"))
    assert viewer.post(f"{HERE}{only(acme).pk}/delete/").status_code == 403
    assert viewer.get(f"{HERE}new/").status_code == 403
