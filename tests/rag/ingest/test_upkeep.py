"""PostgreSQL's own indexes over many vectors: made, put in each other's place and dropped, while searches go on."""

from __future__ import annotations

import numpy as np
import pytest
from django.db import connection

from rag import embedding
from rag.ingest import reembedding, upkeep
from rag.ingest.reembedding import drop_retired, work_on_index
from rag.models import ChunkVector, Collection, EmbeddingIndex
from rag.retriever import search_now
from rag.search import hnsw
from rag.search.rows import hnsw_name
from rag.services import reembed
from tests.rag.search.planted import make_collection, make_index, plant
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 60


@pytest.fixture(autouse=True)
def _few_are_many(db, monkeypatch):
    monkeypatch.setattr(hnsw, "FROM", MANY)
    upkeep.drop_orphans()  # what other tests left


@pytest.fixture
def handbook() -> Collection:
    """As many passages as get an index of their own."""
    collection = make_collection(make_tenant())
    index = make_index(collection, model_version="l2_supercat_256")
    plant(collection, *(f"Rule {number} is about leave." for number in range(MANY)), title="Leave", index=index)
    return collection


class Halved:
    """Another model: the static one with half of the dimensions."""

    version = "halved-1"
    dimensions = 128

    def embed(self, texts):
        from embeddings.static import StaticTexts

        vectors = StaticTexts().embed(texts)[:, :128]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def halved(monkeypatch) -> None:
    """``minilm`` is the other model, and its vectors are made when the test says so."""
    for task in ("fill_index", "drop_index"):
        monkeypatch.setattr(f"rag.tasks.{task}.delay", lambda _index_id: None)
    monkeypatch.setattr(reembedding, "BATCH", MANY // 2)
    made = embedding.embedder_of
    monkeypatch.setattr(
        embedding, "embedder_of", lambda model: Halved() if embedding.model_of(model) == "minilm" else made(model)
    )


def made() -> set[str]:
    """The valid HNSW indexes that there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam"
            " WHERE a.amname = 'hnsw' AND i.indisvalid"
        )
        return {name for (name,) in cursor.fetchall()}


def name_of(index: EmbeddingIndex) -> str:
    return hnsw_name(index.pk)


def passages(collection: Collection) -> int:
    found = search_now(tenant=collection.tenant, collections=[collection.name], text="leave", method="vector", top_k=10)
    assert found.degraded == ""
    return len(found.passages)


def test_large_collections_of_all_tenants_get_an_index_and_small_ones_none(handbook):
    small = make_collection(make_tenant(), "small")
    plant(small, "Only this.", index=make_index(small))
    assert upkeep.ensure_all() == 1
    index = EmbeddingIndex.objects.get(collection=handbook)
    assert index.searched_by == "hnsw"
    assert made() == {name_of(index)}
    assert passages(handbook) == 10


def test_one_that_has_become_small_is_compared_whole_again(handbook):
    upkeep.ensure_all()
    kept = list(ChunkVector.objects.order_by("pk").values_list("pk", flat=True)[: MANY // 3])
    ChunkVector.objects.exclude(pk__in=kept).delete()
    handbook.documents.update(chunk_count=MANY // 3)
    assert upkeep.ensure_all() == 1, "what was large is looked at as well"
    assert EmbeddingIndex.objects.get(collection=handbook).searched_by == "exact"
    assert made() == set()
    assert passages(handbook) == 10


def test_new_vectors_of_many_are_in_use_once_their_own_index_is_there(handbook, halved):
    upkeep.ensure_all()
    old = EmbeddingIndex.objects.get(state="live")
    new = reembed(collection=handbook, model="minilm")
    while work_on_index(new.pk, for_s=0):
        assert EmbeddingIndex.objects.get(state="live").pk == old.pk
        assert passages(handbook) == 10
    new.refresh_from_db()
    assert (new.state, new.searched_by, new.dimensions) == ("live", "hnsw", 128)
    assert made() == {name_of(old), name_of(new)}
    assert passages(handbook) == 10
    drop_retired(old.pk)
    assert made() == {name_of(new)}
    assert passages(handbook) == 10


def test_new_vectors_wait_while_their_index_cannot_be_made(handbook, halved, monkeypatch):
    from django.db import OperationalError

    def fails(*_args):
        raise OperationalError("The disk is full.")

    upkeep.ensure_all()
    old = EmbeddingIndex.objects.get(state="live")
    new = reembed(collection=handbook, model="minilm")
    with monkeypatch.context() as patched:
        patched.setattr(hnsw, "_make", fails)
        work_on_index(new.pk, for_s=60)
        assert EmbeddingIndex.objects.get(state="live").pk == old.pk
        assert passages(handbook) == 10
    work_on_index(new.pk, for_s=60)
    assert EmbeddingIndex.objects.get(state="live").pk == new.pk
    assert passages(handbook) == 10


def test_an_index_that_a_server_left_half_made_is_made_anew(handbook):
    upkeep.ensure_all()
    index = EmbeddingIndex.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)", [name_of(index)])
    assert made() == set()
    assert upkeep.ensure_all() == 1
    assert made() == {name_of(index)}
    assert passages(handbook) == 10


def test_indexes_of_collections_that_are_gone_are_dropped_and_those_in_use_stay(handbook):
    other = make_collection(make_tenant(), "other")
    theirs = make_index(other)
    plant(other, *(f"Rule {number}." for number in range(MANY)), index=theirs)
    assert upkeep.ensure_all() == 2
    other.delete()
    assert upkeep.drop_orphans() == 1
    assert made() == {name_of(EmbeddingIndex.objects.get(collection=handbook))}
    assert upkeep.drop_orphans() == 0
    assert passages(handbook) == 10
