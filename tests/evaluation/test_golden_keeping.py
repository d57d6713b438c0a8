"""How an end user is taken out of golden sets and of runs over them."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from django.utils import timezone

from evaluation.engine.golden_files import Item
from evaluation.from_calls import add_call
from evaluation.golden_sets import freeze, items_of, newest_version, put_items, save_item
from evaluation.models import (
    EvalRun,
    GoldenItem,
    GoldenSet,
    GoldenUpload,
    ItemResult,
    JudgeAnswer,
    Label,
    RunItem,
    Score,
)
from evaluation.uploads import read_upload, take_upload
from events.models import EventRecord
from tenants.data_protection import apply_retention, erase_end_user, erase_late_arrivals, pseudonym_of
from tenants.models import Tenant
from tests.evaluation.golden_rows import finished_run, make_run, make_set
from tests.tenants.factories import make_tenant, make_user
from tests.tenants.test_data_protection import ANN, SECRET, call, places_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tenant() -> Tenant:
    return make_tenant()


@pytest.fixture
def golden_set(tenant: Tenant) -> GoldenSet:
    """One item by hand, one of Ann's call."""
    found = make_set(tenant, "Hello")
    call(tenant, "req_ann", ago=timedelta(minutes=5))
    add_call(golden_set=found, correlation_id="req_ann")
    return found


def rows_of(golden_set: GoldenSet) -> list[GoldenItem]:
    rows = GoldenItem.objects.for_tenant(golden_set.tenant_id).filter(version__golden_set=golden_set)
    return list(rows.select_related("version").order_by("version__number", "position"))


def test_nothing_in_the_whole_database_says_what_an_erased_end_user_asked(tenant: Tenant, golden_set: GoldenSet):
    run = finished_run(golden_set, {"small": [1.0, 0.5], "large": [0.5, 1.0]})
    freeze(newest_version(golden_set))
    put_items(golden_set=golden_set, items=[Item(input="Another")], source="api")
    theirs = ItemResult.objects.for_tenant(tenant).filter(run_item__item__source="req_ann")
    assert theirs.count() == 2
    Score.objects.for_tenant(tenant).filter(result__in=theirs).update(why=f"It says {SECRET}")
    first = theirs[0]
    JudgeAnswer.objects.create(
        tenant=tenant, result=first, evaluator="quality", slot="first", text=SECRET, correlation_id="req_judge"
    )
    Label.objects.create(tenant=tenant, result=first, reviewer=make_user(), verdict="bad", comment=SECRET)
    theirs.filter(pk=first.pk).update(error=f"refused: {SECRET}", correlation_id="req_answer")
    call(tenant, "req_judge", user=None)
    call(tenant, "req_answer", user=None)
    assert "public.evaluation_goldenitem" in places_of(SECRET)

    erased = erase_end_user(tenant, ANN)

    assert places_of(ANN) == places_of(SECRET) == []
    assert erased.samples == 2
    old, new = ([row for row in rows_of(golden_set) if row.version.number == number] for number in (1, 2))
    assert [row.input for row in old] == ["Hello", ""]
    assert [row.input for row in new] == ["Hello", "", "Another"]
    assert old[1].key == new[1].key
    assert (old[1].end_user, old[1].source) == (pseudonym_of(tenant.pk, ANN), "")
    values = Score.objects.for_tenant(tenant).filter(result__run=run).order_by("id").values_list("value", flat=True)
    assert list(values) == [1.0, 0.5, 0.5, 1.0]
    others = ItemResult.objects.for_tenant(tenant).filter(run_item__item__erased_at=None)
    assert {one.answer for one in others} == {"small says Hello", "large says Hello"}
    assert erase_end_user(tenant, ANN).samples == 0


def test_an_item_stays_theirs_when_it_is_edited_or_uploaded_again(tenant: Tenant, golden_set: GoldenSet):
    key = items_of(newest_version(golden_set)).get(source="req_ann").key
    save_item(golden_set=golden_set, key=key, plain={"input": f"Shorter: {SECRET}"})
    freeze(newest_version(golden_set))
    again = [Item(key=key, input=SECRET), Item(input="Other")]
    put_items(golden_set=golden_set, items=again, source="upload", replace=True)

    erase_end_user(tenant, ANN)

    assert places_of(SECRET) == []
    assert [row.input for row in rows_of(golden_set)] == ["Hello", "", "", "Other"]


def test_an_upload_that_waits_to_be_taken_does_not_bring_it_back(tenant: Tenant, golden_set: GoldenSet):
    key = items_of(newest_version(golden_set)).get(source="req_ann").key
    lines = [{"key": key, "input": SECRET}, {"input": "Other"}]
    upload = read_upload(golden_set=golden_set, name="all.jsonl", content=b"\n".join(map(msgspec.json.encode, lines)))
    assert "public.evaluation_goldenupload" in places_of(SECRET)

    erase_end_user(tenant, ANN)

    assert places_of(SECRET) == []
    upload.refresh_from_db()
    take_upload(upload=upload)
    assert [row.input for row in rows_of(golden_set)] == ["Hello", "", "Other"]


def test_an_upload_that_nobody_takes_goes_after_a_day(tenant: Tenant, golden_set: GoldenSet):
    old, new = (read_upload(golden_set=golden_set, name=f"{name}.csv", content=b"input\nHi\n") for name in "ab")
    GoldenUpload.objects.for_tenant(tenant).filter(pk=old.pk).update(uploaded_at=timezone.now() - timedelta(hours=25))

    apply_retention(tenant)

    assert list(GoldenUpload.objects.for_tenant(tenant)) == [new]


def test_an_erased_item_is_not_asked_any_more_neither_by_runs_under_way_nor_by_new_ones(answering: Tenant, monkeypatch):
    monkeypatch.setattr("evaluation.runs._begin", lambda _run: None)
    golden_set = make_set(answering, "Hello")
    call(answering, "req_ann")
    add_call(golden_set=golden_set, correlation_id="req_ann")
    run = make_run(golden_set, variants=["small"])
    assert run.total == 2

    erase_end_user(answering, ANN)

    stored = EvalRun.objects.for_tenant(answering).get(pk=run.pk)
    assert stored.total == RunItem.objects.for_tenant(answering).filter(run=run).count() == 1
    assert make_run(golden_set, variants=["small"]).total == 1


def test_other_tenants_items_and_later_calls_of_the_same_id_stay(tenant: Tenant, golden_set: GoldenSet):
    other = make_tenant(slug="else")
    theirs = make_set(other, "Hello")
    call(other, "req_else", ago=timedelta(minutes=5))
    add_call(golden_set=theirs, correlation_id="req_else")
    items = GoldenItem.objects.for_tenant(tenant).filter(source="req_ann")
    items.update(called_at=timezone.now() + timedelta(days=1), source="console")

    assert erase_end_user(tenant, ANN).samples == 0
    assert [row.erased_at for row in rows_of(golden_set)] == [None, None]
    assert [row.erased_at for row in rows_of(theirs)] == [None, None]


def test_an_item_that_appears_after_the_erasure_is_erased_by_the_nightly_job(tenant: Tenant, golden_set: GoldenSet):
    kept = items_of(newest_version(golden_set)).get(source="req_ann")
    erase_end_user(tenant, ANN)
    items_of(newest_version(golden_set)).filter(pk=kept.pk).delete()
    kept._state.adding = True
    kept.save(force_insert=True)

    assert erase_late_arrivals(tenant) == 1
    assert places_of(SECRET) == []
    assert erase_late_arrivals(tenant) == 0


def test_texts_of_other_peoples_calls_stay(tenant: Tenant, golden_set: GoldenSet):
    call(tenant, "req_bob", user="bob")

    erase_end_user(tenant, ANN)

    kept = EventRecord.objects.filter(tenant_id=str(tenant.pk), payload__has_any_keys=["input", "output"])
    assert {one.correlation_id for one in kept} == {"req_bob"}
    assert items_of(newest_version(golden_set)).filter(erased_at=None).get().input == "Hello"
