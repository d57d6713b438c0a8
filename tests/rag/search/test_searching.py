"""What is found by words, by vectors and by both, and what a caller does not get to see."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.errors import InvalidRequest
from contracts.retrieval import Method
from rag.models import Collection
from rag.retriever import search_now
from tenants.models import Tenant
from tests.rag.search.planted import make_collection, make_index, plant
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant() -> Tenant:
    return make_tenant()


@pytest.fixture
def handbook(tenant: Tenant) -> Collection:
    collection = make_collection(tenant)
    index = make_index(collection)
    plant(collection, "Employees have thirty days of annual leave.", title="Leave", index=index)
    plant(collection, "Expenses are refunded within two weeks.", "Keep every receipt.", title="Expenses", index=index)
    plant(collection, "The office closes at six.", title="Office", metadata={"city": "Oslo", "floor": 3}, index=index)
    plant(collection, "Salaries are paid on the 25th.", title="Pay", tags=["hr"], index=index)
    return collection


def titles(tenant: Tenant, text: str, **more: Any) -> list[str]:
    found = search_now(tenant=tenant, collections=["handbook"], text=text, **more)
    return list(dict.fromkeys(one.title for one in found.passages))


def test_words_find_what_has_them(tenant, handbook):
    found = search_now(tenant=tenant, collections=["handbook"], text="When are expenses refunded?", method="keyword")
    best = found.passages[0]
    assert best.title == "Expenses"
    assert best.text.startswith("Expenses are refunded")
    assert best.found is not None
    assert best.found.keyword_rank == 1
    assert best.found.vector_rank is None
    assert best.found.matched == ("expens", "refund")
    assert best.start == 0
    assert best.end == len(best.text)
    assert best.score == 1.0
    assert found.method == Method.KEYWORD
    assert not found.degraded


def test_vectors_find_what_means_the_same_without_sharing_a_word(tenant, handbook):
    assert titles(tenant, "vacation holidays", method="keyword") == []
    assert titles(tenant, "vacation holidays", method="vector")[0] == "Leave"


def test_both_together_tell_how_each_passage_was_found(tenant, handbook):
    found = search_now(tenant=tenant, collections=["handbook"], text="annual leave in days")
    best = found.passages[0].found
    assert best is not None
    assert best.similarity is not None
    assert found.method == Method.HYBRID
    assert found.passages[0].title == "Leave"
    assert best.keyword_rank == 1
    assert best.vector_rank == 1
    assert 0 < best.similarity <= 1.001
    assert best.fused_score == pytest.approx(1.0)
    assert set(found.timings_ms) >= {"keyword", "vector", "embed", "texts", "total"}


def test_a_caller_finds_documents_without_tags_and_those_with_one_of_its_own(tenant, handbook):
    assert "Pay" not in titles(tenant, "when are salaries paid", access_tags=set())
    assert "Pay" not in titles(tenant, "when are salaries paid", access_tags={"sales"})
    assert titles(tenant, "when are salaries paid", access_tags={"sales", "hr"})[0] == "Pay"
    assert titles(tenant, "when are salaries paid", access_tags={"*"})[0] == "Pay"


@pytest.mark.parametrize(
    "filters",
    [
        {"city": "Oslo"},
        {"city": ["Bergen", "Oslo"]},
        {"floor": 3},
        {"floor": {"gte": 2, "lt": 4}},
        {"city": {"gt": "Bergen"}},
        {"city": "Oslo", "floor": {"lte": 3}},
    ],
)
@pytest.mark.parametrize("method", ["keyword", "vector", "hybrid"])
def test_filters_leave_what_their_fields_say(tenant, handbook, filters, method):
    assert titles(tenant, "office closes", filters=filters, method=method) == ["Office"]


@pytest.mark.parametrize("filters", [{"city": "Bergen"}, {"floor": {"gt": 3}}, {"floor": "3"}, {"city": {"gte": 1}}])
def test_filters_that_nothing_meets_leave_nothing(tenant, handbook, filters):
    assert titles(tenant, "office closes", filters=filters) == []


def test_names_and_values_of_filters_are_data(tenant, handbook):
    filters = {"city' OR true --": "x", '"; DROP TABLE rag_chunk; --': {"gte": 1}, "a%sb": "%(tenant)s"}
    assert titles(tenant, "office closes", filters=filters) == []
    assert titles(tenant, "office' OR true -- %s \\ :* & | !( closes") != []


def test_a_phrase_in_quotation_marks_has_to_be_there_and_a_word_left_out_must_not(tenant, handbook):
    assert titles(tenant, '"annual leave"') == ["Leave"]
    assert "Expenses" not in titles(tenant, "weeks days -expenses")
    assert titles(tenant, '"leave annual" expenses refunded')[0] == "Expenses", "a phrase that is nowhere is only words"
    assert titles(tenant, '"refunded expenses"', method="keyword") == ["Expenses"]


def test_each_language_of_a_collection_is_searched_by_its_own_rules(tenant):
    collection = make_collection(tenant)
    plant(collection, "Die Mitarbeiterinnen haben dreißig Urlaubstage.", title="Urlaub", language="german")
    plant(collection, "Employees travelled by train.", title="Travel", language="english")
    assert titles(tenant, "Urlaubstag der Mitarbeiterin") == ["Urlaub"]
    assert titles(tenant, "travelling employee") == ["Travel"]


def test_other_tenants_and_collections_that_are_not_there_or_off_are_refused(tenant, handbook):
    with pytest.raises(InvalidRequest, match="handbook"):
        search_now(tenant=make_tenant(name="Other"), collections=["handbook"], text="leave")
    Collection.objects.filter(pk=handbook.pk).update(enabled=False)
    with pytest.raises(InvalidRequest, match="handbook"):
        search_now(tenant=tenant, collections=["handbook"], text="leave")


def test_the_same_text_is_given_once_and_diversity_puts_other_things_first(tenant):
    collection = make_collection(tenant)
    index = make_index(collection)
    for number in range(3):
        plant(collection, "The server restarts every night at two.", title=f"Copy {number}", index=index)
    plant(collection, "The server restarts each night around two.", title="Alike", index=index)
    plant(collection, "A restart of the router needs a permit.", title="Other", index=index)
    assert sum(one.startswith("Copy") for one in titles(tenant, "server restarts at night")) == 1
    assert titles(tenant, "server restarts at night")[1] == "Alike"
    Collection.objects.filter(pk=collection.pk).update(diversity=0.8)
    assert titles(tenant, "server restarts at night")[1] == "Other"


def test_without_names_all_collections_are_searched(tenant, handbook):
    other = make_collection(tenant, "wiki")
    plant(other, "Leave the building by the stairs.", title="Fire")
    found = search_now(tenant=tenant, collections=[], text="leave")
    assert {one.collection for one in found.passages} >= {"handbook", "wiki"}


def test_what_was_found_has_another_generation_after_any_change(tenant, handbook):
    def generation() -> str:
        return search_now(tenant=tenant, collections=["handbook"], text="leave").generation

    seen = [generation()]
    assert generation() == seen[0]
    document = plant(handbook, "Something new.")
    seen.append(generation())
    document.delete()
    seen.append(generation())
    handbook.top_k = 3
    handbook.save()
    seen.append(generation())
    assert len(set(seen)) == len(seen)
