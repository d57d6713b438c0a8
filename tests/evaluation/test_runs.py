"""Runs: asked for, worked on, killed and taken up again."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from contracts.events import RequestCompleted, SameEvent
from evaluation import working
from evaluation.engine.golden_files import Item
from evaluation.golden_sets import newest_version, put_items
from evaluation.leases import abandoned, claimed, leased
from evaluation.models import EvalRun, ItemResult, JudgeAnswer, RunItem, Score
from evaluation.runs import VariantChoice, resume_run, start_run, stop_run
from evaluation.working import work
from tenants.models import Tenant
from tests.evaluation.golden_rows import make_evaluator, make_run, make_set
from tests.gateway.doubles import RecordingEmitter

LONG = 60.0


@pytest.fixture(autouse=True)
def _no_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests work on runs themselves."""
    monkeypatch.setattr("evaluation.runs._begin", lambda _run: None)


class Killed(BaseException):
    """What a worker that dies does not handle."""


def stored(tenant: Tenant) -> EvalRun:
    return EvalRun.objects.for_tenant(tenant).get()


def test_a_run_answers_and_scores_each_item_once_for_each_variant(answering: Tenant):
    golden_set = make_set(answering, "One", "Two", "Three")
    run = make_run(golden_set, make_evaluator(answering, "contains"), make_evaluator(answering, "toxicity"))

    assert work(run.pk, for_s=LONG) is False

    run = stored(answering)
    assert (run.state, run.done, run.failed, run.error) == ("done", 3, 0, "")
    results = ItemResult.objects.for_tenant(answering)
    assert results.count() == 6
    assert all(one.answer and one.correlation_id and one.latency_ms for one in results)
    assert Score.objects.for_tenant(answering).count() == 12
    assert run.spent_nanousd == sum(one.cost_nanousd or 0 for one in results)
    assert newest_version(golden_set).frozen_at is not None
    assert {one["measure"] for one in run.summary["comparisons"]} >= {"contains", "toxicity", "latency_ms"}


def test_a_worker_that_dies_leaves_nothing_to_be_asked_or_scored_twice(answering: Tenant, monkeypatch):
    run = make_run(make_set(answering, *"abcdef"), make_evaluator(answering), variants=["small"], concurrency=2)
    asked: list[str] = []
    store, finish = working.RunWorker._store, working.RunWorker._finish

    def counting(worker, unit, result, set_aside):
        asked.append(unit.row.item.key)
        store(worker, unit, result, set_aside)

    def dying(worker, unit):
        if ItemResult.objects.for_tenant(answering).count() >= 3:
            raise Killed
        finish(worker, unit)

    monkeypatch.setattr(working.RunWorker, "_store", counting)
    monkeypatch.setattr(working.RunWorker, "_finish", dying)
    monkeypatch.setattr(working.RunWorker, "_abandon", lambda worker: [one.cancel() for one in worker._active])
    with pytest.raises(Killed):
        work(run.pk, for_s=LONG)
    monkeypatch.setattr(working.RunWorker, "_finish", finish)

    assert work(run.pk, for_s=LONG) is False, "As long as the dead worker may live, nobody takes its run."
    assert stored(answering).state == "running"
    late = timezone.now() - timedelta(minutes=2)
    EvalRun.objects.for_tenant(answering).update(heartbeat_at=late, requested_at=late)
    RunItem.objects.for_tenant(answering).filter(state="leased").update(leased_until=late)
    assert abandoned() == [run.pk]
    work(run.pk, for_s=LONG)

    run = stored(answering)
    assert (run.state, run.done) == ("done", 6)
    assert len(asked) == len(set(asked)) == 6
    assert ItemResult.objects.for_tenant(answering).count() == Score.objects.for_tenant(answering).count() == 6
    costs = ItemResult.objects.for_tenant(answering).values_list("cost_nanousd", flat=True)
    assert run.spent_nanousd == sum(cost or 0 for cost in costs)


@pytest.mark.parametrize("dies_at", ["_store", "_store_said"])
def test_a_call_that_a_dead_worker_has_kept_and_not_told_is_told_by_the_next(
    answering: Tenant, told: RecordingEmitter, monkeypatch, dies_at: str
):
    judge = make_evaluator(answering, "rubric", route="small", rubric="Be kind.")
    run = make_run(make_set(answering, "One"), judge, variants=["small"])
    store = getattr(working.RunWorker, dies_at)

    def dying(*given):
        store(*given)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(working.RunWorker, dies_at, dying)
        with pytest.raises(Killed):
            work(run.pk, for_s=LONG)
    kept = (ItemResult if dies_at == "_store" else JudgeAnswer).objects.for_tenant(answering)
    assert told.payloads(RequestCompleted) == []
    late = timezone.now() - timedelta(minutes=2)
    EvalRun.objects.for_tenant(answering).update(heartbeat_at=late)
    RunItem.objects.for_tenant(answering).update(leased_until=late)
    work(run.pk, for_s=LONG)

    ends = {of.correlation_id: (end, of) for end, of in told.events if isinstance(end, RequestCompleted)}
    end, of = ends[kept.get().correlation_id]
    assert isinstance(of, SameEvent)
    assert end.cost_nanousd == kept.get().cost_nanousd
    assert of.tenant_id == str(answering.pk)
    assert stored(answering).state == "done"
    assert not ItemResult.objects.for_tenant(answering).exclude(end=None).exists()
    assert not JudgeAnswer.objects.for_tenant(answering).exclude(end=None).exists()


def test_judges_are_asked_through_the_gateway_in_both_orders_and_paid_from_their_own_budget(answering: Tenant):
    judge = make_evaluator(answering, "pairwise", route="small")
    run = make_run(make_set(answering, "One"), judge)

    work(run.pk, for_s=LONG)

    run = stored(answering)
    said = JudgeAnswer.objects.for_tenant(answering)
    assert sorted(said.values_list("slot", flat=True)) in (["first", "second"], [])
    assert run.judge_spent_nanousd == sum(one.cost_nanousd or 0 for one in said)
    scores = dict(Score.objects.for_tenant(answering).values_list("result__variant__name", "label"))
    assert scores["small"] == "nothing to compare"


def test_a_judges_spent_budget_leaves_scores_open_and_the_run_going(answering: Tenant):
    judge = make_evaluator(answering, "rubric", route="small", rubric="Be kind.")
    run = make_run(make_set(answering, "One"), judge, judge_budget_nanousd=0)

    work(run.pk, for_s=LONG)

    assert stored(answering).state == "done"
    assert set(Score.objects.for_tenant(answering).values_list("value", "label")) == {(None, "not asked")}
    assert not JudgeAnswer.objects.for_tenant(answering).exists()


def test_a_run_stops_before_its_budget_is_exceeded_and_goes_on_with_another(answering: Tenant):
    run = make_run(make_set(answering, *"abcdefgh"), variants=["small"], budget_nanousd=0)

    work(run.pk, for_s=LONG)

    run = stored(answering)
    assert (run.state, run.done, run.error) == ("stopped", 0, "Its budget is spent.")
    resume_run(run=run, budget_nanousd=10**12)
    work(run.pk, for_s=LONG)
    assert (stored(answering).state, stored(answering).done) == ("done", 8)


def test_somebody_stops_a_run(answering: Tenant):
    run = make_run(make_set(answering, *"abc"), variants=["small"])
    stop_run(run=run)

    work(run.pk, for_s=LONG)

    assert (stored(answering).state, stored(answering).error) == ("stopped", "Somebody stopped it.")
    with pytest.raises(ValidationError, match="has ended"):
        stop_run(run=stored(answering))


def test_what_the_gateway_refuses_is_a_failed_answer_with_its_reason(answering: Tenant, monkeypatch):
    monkeypatch.setattr("evaluation.runs._check_variant", lambda *_: None)
    run = make_run(make_set(answering, "One"), make_evaluator(answering), variants=["nothing"])

    work(run.pk, for_s=LONG)

    run = stored(answering)
    assert (run.state, run.failed) == ("done", 1)
    assert ItemResult.objects.for_tenant(answering).get().error.startswith("MODEL_NOT_FOUND")
    assert Score.objects.for_tenant(answering).get().value == 0.0


def test_time_that_is_up_leaves_the_rest_to_the_next_task(answering: Tenant):
    run = make_run(make_set(answering, *"abc"), variants=["small"])

    assert work(run.pk, for_s=-1) is True

    assert (stored(answering).worker, stored(answering).state) == ("", "running")
    assert work(run.pk, for_s=LONG) is False
    assert stored(answering).done == 3


@pytest.mark.django_db
def test_items_are_leased_to_one_worker_until_their_deadline(acme: Tenant, monkeypatch):
    monkeypatch.setattr("evaluation.runs._check_variant", lambda *_: None)
    run = make_run(make_set(acme, *"abc"), variants=["small"])
    mine = claimed(run.pk, "me")
    assert mine is not None
    assert claimed(run.pk, "other") is None

    assert len(leased(mine, "me", 2)) == 2
    assert len(leased(mine, "other", 2)) == 1
    RunItem.objects.for_tenant(acme).update(leased_until=timezone.now() - timedelta(seconds=1))
    assert len(leased(mine, "third", 5)) == 3


@pytest.mark.django_db
def test_a_version_that_a_run_uses_is_left_as_it_is(acme: Tenant, monkeypatch):
    monkeypatch.setattr("evaluation.runs._check_variant", lambda *_: None)
    golden_set = make_set(acme, "One")
    make_run(golden_set, variants=["small"])

    put_items(golden_set=golden_set, items=[Item(input="Two")], source="api")

    versions = {one.number: one for one in golden_set.versions.filter(tenant=acme)}
    assert {number: one.items for number, one in versions.items()} == {1: 1, 2: 2}
    assert (versions[1].frozen_at is None, versions[2].frozen_at is None) == (False, True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ([], "1 to 6 variants"),
        ([VariantChoice(name="a", model="gone")], "no route or model 'gone'"),
        ([VariantChoice(name="a", model="x"), VariantChoice(name="a", model="x")], "a name of its own"),
    ],
)
def test_what_a_run_needs_is_asked_for_before_it_begins(acme: Tenant, choices, told: str):
    version = newest_version(make_set(acme, "One"))

    with pytest.raises(ValidationError, match=told):
        start_run(version=version, name="Nightly", variants=choices, evaluators=[])

    assert not EvalRun.objects.for_tenant(acme).exists()


@pytest.mark.django_db
def test_an_id_that_is_no_runs_is_nobodys_work():
    assert work(uuid.uuid4(), for_s=LONG) is False
