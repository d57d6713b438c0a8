"""An ingest that somebody stops, and one whose worker was killed."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from contracts.events import IngestStopped
from rag import tasks
from rag.ingest import indexing
from rag.ingest.indexing import abandoned, index_document
from rag.ingest.locks import only_worker
from rag.models import Chunk, Document, Ingest
from rag.services import NewDocument, put_document, reindex_documents, start_ingest, stop_ingest
from tenants.audit import AuditEntry
from tests.rag.ingest.test_api import asker
from tests.tenants.test_audit_log import emitted

__all__ = ["emitted"]


def begun(collection, *names: str) -> Ingest:
    new = [NewDocument(external_id=name, content=b"Words of " + name.encode()) for name in names]
    return start_ingest(collection=collection, source="api", documents=new)


def document(name: str) -> Document:
    found: Document = Document.objects.get(external_id=name)
    return found


def test_what_is_in_place_stays_and_what_is_left_is_not_read(handbook):
    ingest = begun(handbook, "one", "two", "three")
    index_document(document("one").pk)
    stop_ingest(ingest=ingest)
    assert [index_document(document(name).pk) for name in ("two", "three")] == ["nothing", "nothing"]
    ingest.refresh_from_db()
    assert (ingest.state, ingest.done, ingest.failed, ingest.ended_at is not None) == ("stopped", 1, 0, True)
    assert [document(name).state for name in ("one", "two", "three")] == ["ready", "failed", "failed"]
    assert set(Chunk.objects.values_list("document__external_id", flat=True)) == {"one"}


def test_a_worker_that_is_at_a_document_puts_it_in_place_no_more(handbook, monkeypatch):
    ingest = begun(handbook, "one")
    prepared = indexing._prepared

    def stopped_meanwhile(claimed):
        new = prepared(claimed)
        stop_ingest(ingest=ingest)
        return new

    monkeypatch.setattr(indexing, "_prepared", stopped_meanwhile)
    assert index_document(document("one").pk) == "superseded"
    ingest.refresh_from_db()
    assert (ingest.state, ingest.done) == ("stopped", 0)
    assert not Chunk.objects.exists()


def test_the_version_before_stays_searchable_and_what_was_left_can_be_read_later(handbook, put):
    row = put("The first words.")
    new = NewDocument(external_id="leave", content=b"The second words.", media_type="text/markdown")
    stop_ingest(ingest=start_ingest(collection=handbook, source="api", documents=[new]))
    assert [one.text for one in Chunk.objects.filter(document=row)] == ["The first words."]
    again = reindex_documents(collection=handbook, documents=[row.pk])
    assert index_document(row.pk) == "indexed"
    again.refresh_from_db()
    assert (again.state, again.done) == ("done", 1)
    assert [one.text for one in Chunk.objects.filter(document=row)] == ["The second words."]


def test_it_is_audited_and_told_once_and_only_while_it_goes_on(handbook, emitted, django_capture_on_commit_callbacks):
    ingest = begun(handbook, "one", "two")
    with django_capture_on_commit_callbacks(execute=True):
        stop_ingest(ingest=ingest)
    [told] = emitted.of(IngestStopped)
    assert (told.collection, told.documents, told.done, told.left) == ("handbook", 2, 0, 2)
    entry = AuditEntry.objects.filter(object_type="documents").order_by("-pk").first()
    assert entry is not None
    assert entry.after["stopped"] == str(ingest.pk)
    with pytest.raises(ValidationError, match="has ended"):
        stop_ingest(ingest=ingest)


def test_it_is_stopped_over_the_management_api_by_who_may(handbook, acme):
    ingest = begun(handbook, "one")
    assert asker(acme, "manage:read")("post", f"ingests/{ingest.pk}/stop")[0] == 403
    status, shown = asker(acme)("post", f"ingests/{ingest.pk}/stop")
    assert (status, shown["state"]) == (200, "stopped")
    status, told = asker(acme)("post", f"ingests/{ingest.pk}/stop")
    assert (status, "has ended" in str(told)) == (400, True)


@pytest.mark.django_db(transaction=True)
def test_a_document_whose_reader_is_gone_is_taken_up_at_once_and_one_that_is_read_is_let_be(handbook, monkeypatch):
    row = put_document(collection=handbook, external_id="new", content=b"Words.", media_type="text/plain")
    assert abandoned() == []
    Document.objects.filter(pk=row.pk).update(state=Document.State.READING)
    with only_worker(f"document:{row.pk}"):
        assert abandoned() == []
    assert abandoned() == [row.pk]
    given: list[tuple[str, ...]] = []
    monkeypatch.setattr(tasks.index_document, "apply_async", lambda arguments, **_: given.append(arguments))
    tasks.look_after_documents()
    assert given == [(str(row.pk),)]
    assert index_document(row.pk) == "indexed"
    assert connection.is_usable()
