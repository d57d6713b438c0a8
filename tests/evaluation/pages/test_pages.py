"""Pages of golden sets, evaluators, runs, gates and reviews."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from evaluation.engine.golden_files import Item
from evaluation.golden_keeping import GoldenKeeping
from evaluation.golden_sets import freeze, items_of, newest_version, put_items
from evaluation.models import EvalRun, Evaluator, Gate, GoldenSet, ItemResult, Label, RunItem
from routing.services import create_route
from tenants.models import Tenant
from tests.evaluation.golden_rows import finished_run, make_evaluator, make_set
from tests.evaluation.pages.conftest import body
from tests.events.builders import completed, started
from tests.gateway.pages.runs import kept_events, make_run, tell

__all__ = ["kept_events"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluation.runs._begin", lambda _run: None)


def only_set(tenant: Tenant) -> GoldenSet:
    found: GoldenSet = GoldenSet.objects.for_tenant(tenant).get()
    return found


def test_a_set_is_made_and_filled_from_a_file_that_one_looks_through_first(developer: Client, acme: Tenant):
    assert "No golden sets yet" in body(developer.get("/t/acme/golden-sets/"))
    developer.post("/t/acme/golden-sets/new/", {"name": "Support", "description": "What people ask"})
    golden_set = only_set(acme)
    page = f"/t/acme/golden-sets/{golden_set.pk}/"
    assert "From a file" in body(developer.get(page))

    file = SimpleUploadedFile("set.csv", b"input,expected\nHow do I pay?,By card\n,nothing\n")
    preview = developer.post(f"{page}upload/", {"file": file}).headers["Location"]
    shown = body(developer.get(preview))

    assert "How do I pay?" in shown
    assert "The input is empty." in shown
    assert newest_version(golden_set).items == 0
    assert developer.post(preview, {"how": "add"}).headers["Location"] == page
    assert [row.expected for row in items_of(newest_version(golden_set))] == ["By card"]
    assert "How do I pay?" in body(developer.get(page))


def test_an_item_is_written_changed_and_taken_out(developer: Client, acme: Tenant):
    golden_set = make_set(acme, "One")
    page = f"/t/acme/golden-sets/{golden_set.pk}/"
    sent = {"input": "Two", "expected": "2", "context": "a\n---\nb", "tags": "x, y"}

    assert developer.post(f"{page}items/new/", sent).status_code == 302
    row = items_of(newest_version(golden_set)).get(expected="2")
    assert (row.context, row.tags) == (["a", "b"], ["x", "y"])
    assert "a\n---\nb" in body(developer.get(f"{page}items/{row.key}/"))
    developer.post(f"{page}items/{row.key}/", {**sent, "expected": "zwei"})
    assert items_of(newest_version(golden_set)).get(key=row.key).expected == "zwei"
    developer.post(f"{page}items/{row.key}/remove/")
    assert newest_version(golden_set).items == 1


def test_what_changed_between_two_versions_is_shown(developer: Client, acme: Tenant):
    golden_set = make_set(acme, "One", "Two")
    freeze(newest_version(golden_set))
    put_items(golden_set=golden_set, items=[Item(input="One", expected="Eins"), Item(input="Three")], source="api")
    page = f"/t/acme/golden-sets/{golden_set.pk}/"

    versions = body(developer.get(f"{page}?tab=versions"))
    assert "What changed since v1" in versions
    shown = body(developer.get(f"{page}differences/?old=1&new=2"))

    assert "<ins>Eins</ins>" in shown
    assert "Three" in shown
    exported = body(developer.get(f"{page}export/?version=1")).splitlines()
    assert len(exported) == 2
    assert "Eins" not in "".join(exported)


@pytest.mark.usefixtures("kept_events")
def test_a_request_becomes_an_item_with_one_click(developer: Client, acme: Tenant):
    golden_set = make_set(acme, "One")
    run = make_run(acme)
    tell(run, started(input=[{"role": "user", "content": "Where is it?"}]), 0).save()
    tell(run, completed(output={"content": "Over there."}), 5).save()
    address = f"/t/acme/requests/{run.correlation_id}/golden-set/"

    assert address in body(developer.get(f"/t/acme/requests/{run.correlation_id}/"))
    assert "Over there." in body(developer.get(address))
    developer.post(address, {"golden_set": golden_set.pk, "expected": "Over here."})

    row = items_of(newest_version(golden_set)).get(source=run.correlation_id)
    assert (row.input[0]["content"], row.expected) == ("Where is it?", "Over here.")


def test_an_evaluator_is_chosen_by_kind_and_filled_in(developer: Client, acme: Tenant):
    assert "Groundedness" in body(developer.get("/t/acme/evaluators/new/"))
    body(developer.get("/t/acme/evaluators/new/regex/"))
    refused = body(developer.post("/t/acme/evaluators/new/regex/", {"name": "Year", "option_pattern": "("}))
    assert "No pattern of RE2" in refused

    developer.post(
        "/t/acme/evaluators/new/regex/", {"name": "Year", "option_pattern": "19..", "option_must_match": "on"}
    )

    row = Evaluator.objects.for_tenant(acme).get()
    assert row.options == {"pattern": "19.."}
    assert "Year" in body(developer.get("/t/acme/evaluators/"))
    assert "19.." in body(developer.get(f"/t/acme/evaluators/{row.pk}/"))
    developer.post(f"/t/acme/evaluators/{row.pk}/delete/")
    assert not Evaluator.objects.for_tenant(acme).exists()


def test_every_kind_has_a_form(developer: Client, acme: Tenant):
    from evaluation.engine.evaluators.registry import kinds

    for name in kinds():
        assert kinds()[name].title in body(developer.get(f"/t/acme/evaluators/new/{name}/"))


def test_a_run_is_asked_for_with_two_prompts(developer: Client, acme: Tenant):
    create_route(name="chat", tenant=acme)
    golden_set, evaluator = make_set(acme), make_evaluator(acme)
    sent = {
        "name": "Kinder prompt", "golden_set": golden_set.pk, "evaluators": [evaluator.pk], "concurrency": 2,
        "max_output_tokens": 100, "budget": "1.5", "model_0": "chat", "model_1": "chat", "name_1": "kinder",
        "system_prompt_1": "Be kind.",
    }  # fmt: skip
    assert "Variant A" in body(developer.get(f"/t/acme/evaluation-runs/new/?set={golden_set.pk}"))

    answer = developer.post("/t/acme/evaluation-runs/new/", sent)

    run = EvalRun.objects.for_tenant(acme).get()
    assert answer.headers["Location"] == f"/t/acme/evaluation-runs/{run.pk}/"
    assert (run.total, run.budget_nanousd) == (2, 1_500_000_000)
    assert [one.name for one in run.variants.filter(tenant=acme)] == ["chat", "kinder"]
    page = body(developer.get(f"/t/acme/evaluation-runs/{run.pk}/"))
    assert "Waiting for a worker" in page
    assert 'data-live="evaluation.run.*"' in page
    assert "Be kind." in body(developer.get(f"/t/acme/evaluation-runs/new/?like={run.pk}"))


def past(acme: Tenant, drop: float = 0.5) -> EvalRun:
    golden_set = make_set(acme, *(f"Question {at}" for at in range(30)))
    before = [0.9] * 30
    after = [0.9 - drop if at % 2 else 0.9 for at in range(30)]
    return finished_run(golden_set, {"old": before, "new": after})


def test_a_run_shows_what_is_more_than_chance_and_which_items_moved(developer: Client, acme: Tenant):
    run = past(acme)
    page = f"/t/acme/evaluation-runs/{run.pk}/"

    shown = body(developer.get(page))

    assert "90.0%" in shown
    assert "65.0%" in shown
    assert "0 better, 15 worse" in shown
    assert "\u221225.0" in shown
    assert "Question 29" in body(developer.get(f"{page}?tab=items&page=2"))
    assert "Bounds" in body(developer.get(f"{page}?tab=setup"))
    item = RunItem.objects.for_tenant(acme).filter(run=run).first()
    assert item is not None
    detail = body(developer.get(f"{page}items/{item.pk}/"))
    assert "new says Question 0" in detail
    assert "Past" in body(developer.get("/t/acme/evaluation-runs/"))


def test_a_gate_is_made_and_a_regression_fails_it(developer: Client, acme: Tenant):
    run = past(acme)
    page = f"/t/acme/golden-sets/{run.version.golden_set_id}/"
    make_evaluator(acme, "exact", "quality")
    sent = {"name": "Quality holds", "evaluator": "quality", "max_drop": "2", "confidence": "0.95"}
    assert developer.post(f"{page}gates/new/", sent).status_code == 302
    gate = Gate.objects.for_tenant(acme).get()
    assert "may fall by at most 2 points" in body(developer.get(f"{page}?tab=gates"))
    old, new = run.variants.filter(tenant=acme).order_by("position")

    fails = body(developer.post(f"{page}gates/{gate.pk}/check/", {"candidate": new.pk, "baseline": old.pk}))
    same = body(developer.post(f"{page}gates/{gate.pk}/check/", {"candidate": old.pk, "baseline": old.pk}))

    assert "quality fell by 25.0 points over 30 items" in fails
    assert "Undecided" in same, "Thirty items that are the same do not rule out two points."


def test_people_judge_answers_without_knowing_whose_they_are(developer: Client, acme: Tenant):
    run = past(acme)
    page = f"/t/acme/evaluation-runs/{run.pk}/"
    developer.post(f"{page}ask-labels/", {"items": "10"})
    shown = body(developer.get(f"{page}review/"))
    assert "0 of 20 answers judged by you" in shown
    result = ItemResult.objects.for_tenant(acme).filter(run_item__needs_label=True).first()
    assert result is not None

    developer.post(f"{page}review/", {"result": result.pk, "verdict": "good", "comment": "Right."})

    label = Label.objects.for_tenant(acme).get()
    assert (label.verdict, label.comment) == ("good", "Right.")
    assert "Evaluators against people" in body(developer.get(f"{page}review/"))


def test_whoever_may_not_read_stored_prompts_sees_no_text(as_member, acme: Tenant):
    run = past(acme)
    golden_set = f"/t/acme/golden-sets/{run.version.golden_set_id}/"
    page = f"/t/acme/evaluation-runs/{run.pk}/"
    viewer = as_member("viewer")

    shown = "".join(body(viewer.get(one)) for one in (golden_set, page, f"{page}?tab=items", f"{golden_set}?tab=runs"))

    assert "Question" not in shown
    for address in (f"{golden_set}export/", f"{page}review/", f"{golden_set}items/new/", f"{golden_set}upload/"):
        assert viewer.get(address).status_code == 403


@pytest.mark.parametrize("page", ["golden-sets", "evaluation-runs", "live-evaluation", "documents"])
def test_an_empty_list_of_all_tenants_leads_to_no_page_that_only_tenants_have(operator: Client, page: str):
    assert "New " not in body(operator.get(f"/console/{page}/")).partition("<main")[2]


def test_an_erased_item_is_said_to_be_so_and_leaves_with_no_file(developer: Client, acme: Tenant):
    golden_set = make_set(acme, "Hello", "Planted question")
    run = finished_run(golden_set, {"old": [1.0, 1.0]})
    now = timezone.now()
    items_of(newest_version(golden_set)).filter(input="Planted question").update(end_user="ann", called_at=now)
    assert GoldenKeeping().erase_user(acme.pk, "ann", "erased-1", now) == 1

    page = f"/t/acme/golden-sets/{golden_set.pk}/"
    listed = body(developer.get(page))
    assert "Erased with the end user who asked." in listed
    [erased] = items_of(newest_version(golden_set)).filter(erased_at__isnull=False)
    assert f"{page}items/{erased.key}/" not in listed
    assert developer.get(f"{page}items/{erased.key}/").status_code == 404
    assert len(body(developer.get(f"{page}export/?version=1")).splitlines()) == 1
    of_run = f"/t/acme/evaluation-runs/{run.pk}/"
    assert "Erased with the end user who asked." in body(developer.get(f"{of_run}?tab=items"))
    [item] = RunItem.objects.for_tenant(acme).filter(run=run, item=erased)
    shown = body(developer.get(f"{of_run}items/{item.pk}/"))
    assert "Erased." in shown
    assert "An empty answer." not in shown
    assert "Planted" not in listed + shown
