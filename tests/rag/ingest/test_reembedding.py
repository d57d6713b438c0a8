"""Vectors by another model, made while searches go on."""

from __future__ import annotations

import numpy as np
import pytest
from django.core.exceptions import ValidationError

from embeddings.static import StaticTexts
from rag import embedding
from rag.ingest import reembedding
from rag.ingest.reembedding import drop_retired, progress_of, work_on_index
from rag.models import ChunkVector, EmbeddingIndex
from rag.retriever import search_now
from rag.services import delete_document, reembed, update_collection


class Other:
    """Another model: as the static one, with half of the dimensions."""

    version = "other-1"
    dimensions = 128

    def embed(self, texts):
        vectors = StaticTexts().embed(texts)[:, :128]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def other(monkeypatch):
    """``minilm`` is the other model."""
    made = embedding.embedder_of

    def chosen(model):
        return Other() if embedding.model_of(model) == "minilm" else made(model)

    monkeypatch.setattr(embedding, "embedder_of", chosen)
    monkeypatch.setattr(reembedding, "BATCH", 2)
    return Other


def found(acme) -> list[str]:
    answer = search_now(tenant=acme, collections=["handbook"], text="days of leave", access_tags={"*"}, method="vector")
    assert answer.degraded == ""
    return [one.external_id for one in answer.passages]


def test_searches_go_on_with_the_old_vectors_until_all_new_ones_are_there(acme, put, handbook, other, monkeypatch):
    for name in ("a", "b", "c", "d", "e"):
        put(f"# {name}\n\nThirty days of leave in {name}.", external_id=name)
    old = EmbeddingIndex.objects.get()
    before = found(acme)
    assert len(before) == 5
    new = reembed(collection=handbook, model="minilm")
    assert work_on_index(new.pk, for_s=0) is True
    assert progress_of(new) == (2, 5)
    assert found(acme) == before
    handbook.refresh_from_db()
    assert handbook.embedding_model == "static"
    # What comes and goes meanwhile does so in both.
    put("# f\n\nForty days of leave in f.", external_id="f")
    delete_document(document=put("# g\n\nNo leave.", external_id="g"))
    assert ChunkVector.objects.filter(index=new, document__external_id="f").count() == 1
    while work_on_index(new.pk, for_s=0):
        assert len(found(acme)) == 6
    new.refresh_from_db()
    handbook.refresh_from_db()
    assert (new.state, new.model_version, new.dimensions) == ("live", "other-1", 128)
    assert handbook.embedding_model == "minilm"
    assert ChunkVector.objects.filter(index=new).count() == 6
    assert drop_retired(old.pk) == 1
    assert not EmbeddingIndex.objects.filter(pk=old.pk).exists()
    assert ChunkVector.objects.count() == 6


def test_a_worker_that_dies_in_the_middle_is_followed_by_another(put, handbook, other, monkeypatch):
    for name in ("a", "b", "c"):
        put(f"Thirty days of leave in {name}.", external_id=name)
    new = reembed(collection=handbook, model="minilm")
    work_on_index(new.pk, for_s=0)

    def die(*_args, **_kwargs):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(ChunkVector.objects, "bulk_create", die)
        with pytest.raises(SystemExit):
            work_on_index(new.pk, for_s=60)
    assert work_on_index(new.pk, for_s=60) is False
    new.refresh_from_db()
    assert (new.state, progress_of(new)) == ("live", (3, 3))


def test_a_model_that_does_not_answer_leaves_the_old_vectors_in_use(put, handbook, monkeypatch):
    from embeddings.base import EmbeddingModelMissing

    put("Thirty days of leave.")
    new = reembed(collection=handbook, model="minilm")

    def missing(_model):
        raise EmbeddingModelMissing("Install it.")

    monkeypatch.setattr(embedding, "embedder_of", missing)
    assert work_on_index(new.pk, for_s=60) is False
    new.refresh_from_db()
    assert (new.state, new.error) == ("building", "Install it.")
    assert EmbeddingIndex.objects.get(state="live").model == "static"


def test_another_model_in_the_settings_is_in_use_once_it_is_complete(put, handbook, other):
    put("Thirty days of leave.")
    update_collection(collection=handbook, embedding_model="minilm", description="New")
    handbook.refresh_from_db()
    assert (handbook.embedding_model, handbook.description) == ("static", "New")
    work_on_index(EmbeddingIndex.objects.get(state="building").pk, for_s=60)
    handbook.refresh_from_db()
    assert handbook.embedding_model == "minilm"


def test_what_was_being_made_is_dropped_for_what_is_asked_for_later(handbook, other):
    first = reembed(collection=handbook, model="minilm")
    second = reembed(collection=handbook, model="static")
    first.refresh_from_db()
    assert (first.state, second.state) == ("retired", "building")
    assert work_on_index(first.pk, for_s=60) is False


def test_a_model_that_there_is_not_is_refused(handbook):
    with pytest.raises(ValidationError, match="route:NAME"):
        reembed(collection=handbook, model="other")


def test_vectors_of_a_model_that_changed_by_itself_are_not_mixed(put, handbook):
    put("Thirty days of leave.")
    EmbeddingIndex.objects.update(model_version="older")
    put("Forty days of leave.", external_id="new")
    index = EmbeddingIndex.objects.get()
    assert "embed the collection anew" in index.error
    assert ChunkVector.objects.count() == 1
    new = reembed(collection=handbook, model="static")
    work_on_index(new.pk, for_s=60)
    assert EmbeddingIndex.objects.get(state="live").pk == new.pk
    assert ChunkVector.objects.filter(index=new).count() == 2
