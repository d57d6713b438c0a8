"""One document, from what came in to what is searched."""

from __future__ import annotations

from typing import Any

import pytest

from rag.embedding import vectors_of
from rag.ingest import indexing
from rag.ingest.indexing import index_document
from rag.models import Chunk, ChunkVector, Document, EmbeddingIndex, Ingest, IngestProblem, Lexeme
from rag.services import (
    NewDocument,
    create_collection,
    delete_document,
    put_document,
    reindex_documents,
    start_ingest,
    update_collection,
    update_document,
)
from tenants.audit import AuditEntry

LEAVE = """# Leave

## Holidays

Everybody has thirty days of holidays a year. Days that are left go with the end of March, and nobody is paid for them.

## Illness

Tell your manager on the first day. From the fourth day on a doctor's note is needed, which goes to the office.
"""


def chunks_of(row: Document) -> list[Chunk]:
    return list(Chunk.objects.filter(document=row).order_by("position"))


def test_a_document_becomes_chunks_with_places_words_and_vectors(put):
    row = put(LEAVE, title="Leave", access_tags=["hr"], metadata={"year": 2026})
    chunks = chunks_of(row)
    assert (row.state, row.error, row.pending, row.chunk_count) == ("ready", "", None, len(chunks))
    assert len(chunks) > 1
    assert all(row.text[one.start : one.end] == one.text for one in chunks)
    assert chunks[-1].heading == "Leave > Illness"
    assert all(one.lexemes and one.weights is not None and one.words for one in chunks)
    assert {tuple(one.access_tags) for one in chunks} == {("hr",)}
    vectors = ChunkVector.objects.filter(document=row)
    assert vectors.count() == len(chunks)
    assert {tuple(one.access_tags) for one in vectors} == {("hr",)}
    assert {one.metadata["year"] for one in vectors} == {2026}
    index = EmbeddingIndex.objects.get(collection=row.collection)
    assert (index.state, index.dimensions) == ("live", 256)
    assert index.model_version


def test_what_is_as_it_was_is_not_read_again(put, monkeypatch):
    first = put(LEAVE)
    monkeypatch.setattr(indexing, "read", lambda *_a, **_k: pytest.fail("it was read again"))
    again = put(LEAVE)
    assert again.pk == first.pk
    assert again.indexed_at == first.indexed_at


def test_a_new_version_keeps_chunks_and_vectors_of_what_stayed(put):
    before = {one.text: one.pk for one in chunks_of(put(LEAVE))}
    vectors = {one.chunk_id: one.pk for one in ChunkVector.objects.all()}
    row = put(LEAVE.replace("thirty", "twenty-eight"))
    stayed = [one for one in chunks_of(row) if one.text in before]
    changed = [one for one in chunks_of(row) if one.text not in before]
    assert stayed
    assert changed
    assert all(before[one.text] == one.pk for one in stayed)
    assert all(ChunkVector.objects.get(chunk=one).pk == vectors[one.pk] for one in stayed)
    assert "twenty-eight" in " ".join(one.text for one in changed)
    assert ChunkVector.objects.count() == len(chunks_of(row))


def test_only_texts_that_are_new_are_embedded(put, monkeypatch):
    put(LEAVE)
    embedded: list[str] = []

    def noted(index: EmbeddingIndex, texts: list[str]) -> Any:
        embedded.extend(texts)
        return vectors_of(index, texts)

    monkeypatch.setattr(indexing, "vectors_of", noted)
    put(LEAVE.replace("thirty", "twenty-eight"))
    assert "twenty-eight" in embedded[-1]
    assert not any("doctor" in text for text in embedded)


def test_the_old_version_is_searchable_until_the_new_one_is_read(put, handbook):
    row = put(LEAVE)
    put_document(collection=handbook, external_id="leave", content=b"# New\n\nOther words.", media_type="text/markdown")
    row.refresh_from_db()
    assert row.state == Document.State.WAITING
    assert "thirty" in " ".join(one.text for one in chunks_of(row))
    index_document(row.pk)
    assert [one.text for one in chunks_of(row)] == ["# New\n\nOther words."]


def test_a_version_that_came_while_another_was_read_wins(put, handbook, monkeypatch):
    row = put_document(collection=handbook, external_id="leave", content=b"First words.", media_type="text/plain")
    prepared = indexing._prepared

    def overtaken(claimed):
        new = prepared(claimed)
        put_document(collection=handbook, external_id="leave", content=b"Second words.", media_type="text/plain")
        return new

    monkeypatch.setattr(indexing, "_prepared", overtaken)
    assert index_document(row.pk) == "superseded"
    monkeypatch.setattr(indexing, "_prepared", prepared)
    assert chunks_of(row) == []
    assert index_document(row.pk) == "indexed"
    assert [one.text for one in chunks_of(row)] == ["Second words."]


@pytest.mark.parametrize("step", ["read", "vectors_of", "swap_chunks", "_note_models", "counted"])
def test_a_worker_that_dies_at_any_step_leaves_nothing_twice(handbook, monkeypatch, step):
    new = NewDocument(external_id="leave", content=LEAVE.encode(), media_type="text/markdown")
    ingest = start_ingest(collection=handbook, source="api", documents=[new])
    row = Document.objects.get()

    def die(*_args, **_kwargs):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(indexing, step, die)
        with pytest.raises(SystemExit):
            index_document(row.pk)
    row.refresh_from_db()
    assert (row.state, chunks_of(row)) == (Document.State.READING, [])
    assert index_document(row.pk) == "indexed"
    row.refresh_from_db()
    ingest.refresh_from_db()
    assert ChunkVector.objects.count() == len(chunks_of(row)) == row.chunk_count == ingest.chunks
    assert (ingest.done, ingest.failed, ingest.state) == (1, 0, "done")
    assert index_document(row.pk) == "nothing"


def test_a_document_that_ends_workers_is_given_up(handbook, monkeypatch):
    row = put_document(collection=handbook, external_id="bad", content=b"Some words.", media_type="text/plain")

    def die(*_args, **_kwargs):
        raise SystemExit

    monkeypatch.setattr(indexing, "read", die)
    for _ in range(3):
        with pytest.raises(SystemExit):
            index_document(row.pk)
    assert index_document(row.pk) == "failed"
    row.refresh_from_db()
    assert (row.state, row.error) == ("failed", "Workers ended while they read it.")


def test_a_file_that_cannot_be_read_is_a_problem_of_its_ingest_and_keeps_no_other_back(handbook):
    ingest = start_ingest(
        collection=handbook,
        source="upload",
        documents=[
            NewDocument(external_id="a.pdf", content=b"%PDF-1.7 broken", media_type="application/pdf"),
            NewDocument(external_id="b.txt", content=b"Good words.", media_type="text/plain"),
            NewDocument(external_id="c.txt", content=b"x", media_type="text/plain", metadata={"deep": {}}),
        ],
    )
    for row in Document.objects.all():
        index_document(row.pk)
    ingest.refresh_from_db()
    assert (ingest.total, ingest.done, ingest.failed, ingest.state) == (3, 1, 2, "done")
    assert set(IngestProblem.objects.values_list("document", "code")) == {("a.pdf", "broken"), ("c.txt", "invalid")}
    assert Document.objects.get(external_id="a.pdf").error == "The PDF is broken."


def test_a_refused_version_leaves_the_one_before_searchable(put):
    row = put(LEAVE)
    text = [one.text for one in chunks_of(row)]
    row = put(b"%PDF-1.7 broken", media_type="application/pdf")
    assert row.state == "failed"
    assert [one.text for one in chunks_of(row)] == text


def test_without_a_model_documents_are_found_by_words_and_get_their_vectors_later(acme, monkeypatch):
    from embeddings.base import EmbeddingModelMissing
    from rag import embedding
    from rag.ingest.reembedding import unfinished, work_on_index

    collection = create_collection(tenant=acme, name="deep")
    with monkeypatch.context() as patched:

        def missing(_model):
            raise EmbeddingModelMissing("The package is not there.")

        patched.setattr(embedding, "embedder_of", missing)
        row = put_document(collection=collection, external_id="a", content=LEAVE.encode(), media_type="text/markdown")
        assert index_document(row.pk) == "indexed"
    index = EmbeddingIndex.objects.get(collection=collection)
    assert index.error == "The package is not there."
    assert all(one.lexemes for one in chunks_of(row))
    assert not ChunkVector.objects.exists()
    assert unfinished() == [index.pk]
    assert work_on_index(index.pk, for_s=60) is False
    index.refresh_from_db()
    assert (index.error, ChunkVector.objects.count()) == ("", len(chunks_of(row)))


def test_other_sizes_cut_documents_anew_one_by_one(put, handbook):
    row = put(LEAVE)
    fine = len(chunks_of(row))
    update_collection(collection=handbook, chunk_tokens=200)
    row.refresh_from_db()
    assert (row.state, len(chunks_of(row))) == ("waiting", fine)
    assert Ingest.objects.get(source="settings").total == 1
    index_document(row.pk)
    assert 0 < len(chunks_of(row)) < fine
    assert ChunkVector.objects.count() == len(chunks_of(row))
    assert Ingest.objects.get(source="settings").state == "done"


def test_tags_of_the_collection_hold_at_once_for_documents_without_their_own(put, handbook):
    open_, closed = put(LEAVE), put("Salaries.", external_id="pay", access_tags=["board"])
    update_collection(collection=handbook, access_tags=["staff"])
    assert {tuple(one.access_tags) for one in chunks_of(open_)} == {("staff",)}
    assert {tuple(one.access_tags) for one in ChunkVector.objects.filter(document=open_)} == {("staff",)}
    assert {tuple(one.access_tags) for one in chunks_of(closed)} == {("board",)}
    open_.refresh_from_db()
    assert open_.access_tags == ["staff"]


def test_changed_tags_and_metadata_hold_without_reading_the_document_again(put):
    row = put(LEAVE)
    update_document(document=row, access_tags=["hr"], metadata={"year": 2027})
    assert {tuple(one.access_tags) for one in ChunkVector.objects.all()} == {("hr",)}
    assert {one.metadata["year"] for one in chunks_of(row)} == {2027}
    row.refresh_from_db()
    assert row.state == "ready"


def test_another_title_is_searched_by(put):
    row = put(LEAVE, title="Leave")
    update_document(document=row, title="Vacation policy")
    index_document(row.pk)
    assert all("vacat" in str(one.lexemes) for one in chunks_of(row))
    assert ChunkVector.objects.count() == len(chunks_of(row))
    assert Lexeme.objects.get(lexeme="vacat").chunks == len(chunks_of(row))


def test_deleting_takes_chunks_vectors_and_counts_and_is_audited(put):
    row = put(LEAVE)
    delete_document(document=row)
    assert not Chunk.objects.exists()
    assert not ChunkVector.objects.exists()
    assert not Lexeme.objects.filter(chunks__gt=0).exists()
    assert AuditEntry.objects.filter(action="deleted", object_type="documents").count() == 1


def test_a_failed_fetch_can_be_tried_again_and_a_refused_file_cannot(put, handbook):
    from django.core.exceptions import ValidationError

    row = put(b"%PDF-1.7 broken", media_type="application/pdf")
    with pytest.raises(ValidationError, match="Send files that were refused once more"):
        reindex_documents(collection=handbook, documents=[row.pk])
    good = put(LEAVE, external_id="good")
    assert reindex_documents(collection=handbook, documents=[good.pk]).total == 1
    assert index_document(good.pk) == "indexed"
