"""HNSW indexes of large collections: when they are made and go, and that filters do not cost them what is near."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from django.db import connection

from contracts.retrieval import RetrievalQuery
from rag.models import Chunk, ChunkVector, Collection, EmbeddingIndex
from rag.retriever import search_now
from rag.search import hnsw, narrowing
from rag.search.limits import Asking
from rag.search.rows import hnsw_name
from rag.search.scope import Scope, scope_of
from rag.search.vectors import nearest
from tests.rag.search.planted import make_collection, make_index, plant
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db(transaction=True)

MANY, DIMENSIONS = 1_500, 16


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch):
    monkeypatch.setattr(hnsw, "FROM", 1_000)


@pytest.fixture
def index() -> EmbeddingIndex:
    """Random vectors; every hundredth has ``rare``, every tenth is for HR only."""
    collection = make_collection(make_tenant())
    found = make_index(collection, dimensions=DIMENSIONS)
    document = plant(collection, "A document of many chunks.")
    chance = np.random.default_rng(7)
    own = {"tenant": collection.tenant, "document": document}
    chunks = Chunk.objects.bulk_create(
        Chunk(**own, collection=collection, position=at, start=0, end=0, text="", text_hash=str(at), tokens=1, words=0)
        for at in range(1, MANY + 1)
    )
    vectors = chance.normal(size=(MANY, DIMENSIONS))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ChunkVector.objects.bulk_create(
        ChunkVector(
            **own,
            index=found,
            chunk=chunk,
            vector=vector.tolist(),
            metadata={"rare": at % 100 == 0},
            access_tags=["hr"] if at % 10 == 0 else ["staff"],
        )
        for at, (chunk, vector) in enumerate(zip(chunks, vectors, strict=True))
    )
    return found


def scope(of: EmbeddingIndex, **more) -> Scope:
    values = {"text": "", "access_tags": frozenset("*")} | more
    return scope_of(RetrievalQuery(tenant_id=str(of.tenant_id), collections=(of.collection.name,), **values))


def valid(index: EmbeddingIndex) -> bool | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [hnsw_name(index.pk)])
        row = cursor.fetchone()
    return row[0] if row else None


def test_an_index_is_made_where_vectors_are_many_and_goes_when_they_are_few(index):
    assert hnsw.ensure_index(index)
    assert (index.searched_by, valid(index)) == ("hnsw", True)
    assert not hnsw.ensure_index(index), "it is there"
    ChunkVector.objects.filter(index=index, pk__gt=ChunkVector.objects.order_by("pk")[700].pk).delete()
    assert not hnsw.ensure_index(index), "some fewer do not matter"
    ChunkVector.objects.filter(index=index, pk__gt=ChunkVector.objects.order_by("pk")[300].pk).delete()
    assert hnsw.ensure_index(index)
    index.refresh_from_db()
    assert (index.searched_by, valid(index)) == ("exact", None)


def test_few_vectors_get_none():
    collection: Collection = make_collection(make_tenant())
    index = make_index(collection)
    plant(collection, "One.", index=index)
    assert not hnsw.ensure_index(index)
    assert valid(index) is None


@pytest.mark.parametrize(
    "more",
    [{}, {"filters": {"rare": True}}, {"access_tags": frozenset({"hr"})}, {"filters": {"rare": [True, "x"]}}],
)
def test_filters_keep_what_is_near(index, more):
    hnsw.ensure_index(index)
    chance, hits, wanted = np.random.default_rng(8), 0, 0
    within = scope(index, **more)
    for vector in chance.normal(size=(20, DIMENSIONS)):
        unit = (vector / np.linalg.norm(vector)).tolist()
        by_graph = {one.chunk_id for one in nearest(Asking(20), within, [index], unit)[:10]}
        index.searched_by = "exact"
        with connection.cursor() as cursor:
            cursor.execute("SET enable_indexscan = off")
            best = {one.chunk_id for one in nearest(Asking(20), within, [index], unit)[:10]}
            cursor.execute("RESET enable_indexscan")
        index.searched_by = "hnsw"
        assert len(best) == 10
        hits, wanted = hits + len(by_graph & best), wanted + len(best)
    assert hits / wanted >= 0.97


def test_the_graph_is_what_is_searched(index):
    hnsw.ensure_index(index)
    within = scope(index)
    statements: list[str] = []

    def watched(execute, sql, params, many, context):
        settings, _, search = sql.partition(";")
        if "ORDER BY v.vector" in search:
            execute(f"{settings}; EXPLAIN {search}", params, many, context)
            context["cursor"].nextset()
            statements.extend(row[0] for row in context["cursor"].fetchall())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watched):
        nearest(Asking(20), within, [index], [1.0] + [0.0] * (DIMENSIONS - 1))
    assert any(hnsw_name(index.pk) in line for line in statements)


def test_a_filter_that_hardly_anything_meets_still_gives_all_that_does(index, monkeypatch):
    hnsw.ensure_index(index)
    monkeypatch.setattr("rag.search.vectors.MAX_SCANNED", 1)
    found = nearest(Asking(20), scope(index, filters={"rare": True}), [index], [1.0] + [0.0] * (DIMENSIONS - 1))
    assert len(found) == MANY / 100


@pytest.fixture
def shelves(monkeypatch) -> Collection:
    """Forty documents of five passages by one index; every tenth is of 2020, every twentieth for HR only."""
    monkeypatch.setattr(hnsw, "FROM", 100)
    for module in ("scope", "keyword"):
        monkeypatch.setattr(f"rag.search.{module}.SCORED_WHOLE", 20)
    collection = make_collection(make_tenant(), "shelves")
    found = make_index(collection)
    for number in range(40):
        plant(
            collection,
            *(f"Report {number} has a page {page} on the weather of the coast." for page in range(5)),
            title=f"Report {number}",
            metadata={"year": 2020 if number % 10 == 0 else 2000 + number % 10, "number": number},
            tags=["hr"] if number % 20 == 0 else [],
            index=found,
        )
    hnsw.ensure_index(found)
    return collection


@contextmanager
def noted() -> Iterator[list[str]]:
    """What PostgreSQL is asked meanwhile, with the values that go with it."""
    statements: list[str] = []

    def watched(execute, sql, params, many, context):
        statements.append(f"{sql} {params}")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watched):
        yield statements


def asked(of: Collection, **more) -> Scope:
    values = {"text": "", "access_tags": frozenset("*")} | more
    return scope_of(RetrievalQuery(tenant_id=str(of.tenant_id), collections=(of.name,), **values))


@pytest.mark.parametrize(
    ("more", "numbers"),
    [
        ({"filters": {"year": 2020}}, {0, 10, 20, 30}),
        ({"filters": {"number": {"gte": 37}}}, {37, 38, 39}),
        ({"filters": {"year": 2020}, "access_tags": frozenset({"sales"})}, {10, 30}),
        ({"filters": {"year": 1066}}, set()),
    ],
)
@pytest.mark.parametrize("method", ["vector", "keyword"])
def test_what_filters_leave_little_of_is_found_whole(shelves, more, numbers, method):
    found = search_now(
        tenant=shelves.tenant, collections=["shelves"], text="weather of the coast", method=method, top_k=100, **more
    )
    assert {int(one.title.split()[1]) for one in found.passages} == numbers
    assert len(found.passages) == 5 * len(numbers)
    assert found.degraded == ""


def test_the_graph_is_not_asked_where_filters_leave_little(shelves):
    index = shelves.indexes.get()

    def said(filters) -> str:
        with noted() as statements:
            nearest(Asking(20), asked(shelves, filters=filters), [index], [1.0] + [0.0] * 255)
        return "\n".join(statements)

    narrowed, wide = said({"year": 2020}), said({})
    assert "hnsw.ef_search" not in narrowed
    assert "hnsw.ef_search" in wide


@pytest.mark.parametrize(("limit", "known"), [("MOST_CHUNKS", 20), ("MOST_DOCUMENTS", 4)])
def test_how_little_is_left_is_known_up_to_a_limit(shelves, monkeypatch, limit, known):
    monkeypatch.setattr(narrowing, limit, known)
    few = asked(shelves, filters={"year": 2020}).few
    assert few is not None
    assert (len(few.documents), few.chunks) == (4, 20)
    monkeypatch.setattr(narrowing, limit, known - 1)
    assert asked(shelves, filters={"year": 2020}).few is None


def test_nothing_is_counted_where_nothing_narrows(shelves):
    assert asked(shelves).few is None
    assert asked(shelves, access_tags=frozenset()).few is not None


@pytest.mark.parametrize(("of_all", "marked"), [(400, False), (100_000, True), (-1, True)])
def test_the_mark_of_a_collection_is_looked_for_where_others_have_more(shelves, monkeypatch, of_all, marked):
    monkeypatch.setattr("rag.search.rows._OF_ALL", f"SELECT {of_all}")
    with noted() as statements:
        found = search_now(tenant=shelves.tenant, collections=["shelves"], text="Report 7", method="keyword")
    assert found.passages[0].title == "Report 7"
    [scored] = [one for one in statements if "scored.score" in one]
    assert (f"@{shelves.pk}" in scored) == marked
