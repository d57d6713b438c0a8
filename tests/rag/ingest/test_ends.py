"""What goes with a collection and with a tenant, and how quickly documents come in."""

from __future__ import annotations

import time

from rag.engine.reading import MAX_BYTES
from rag.ingest.indexing import index_document, waiting_too_long
from rag.models import Chunk, ChunkVector, Collection, Document, EmbeddingIndex, Ingest, IngestProblem, Lexeme
from rag.services import NewDocument, delete_collection, put_document, start_ingest
from tenants.offboarding import remove_tenant

EVERYTHING = (Collection, EmbeddingIndex, Ingest, IngestProblem, Document, Chunk, ChunkVector, Lexeme)


def filled(put, handbook) -> None:
    put("# Leave\n\nThirty days.")
    too_large = NewDocument(external_id="large", content=b"x" * (MAX_BYTES + 1))
    start_ingest(collection=handbook, source="api", documents=[too_large])
    assert all(model.objects.exists() for model in EVERYTHING)


def test_a_collection_goes_with_all_that_is_in_it(put, handbook):
    filled(put, handbook)
    delete_collection(collection=handbook)
    assert [model.__name__ for model in EVERYTHING if model.objects.exists()] == []


def test_a_tenant_goes_with_all_of_its_documents(put, handbook, acme):
    filled(put, handbook)
    remove_tenant(tenant=acme)
    assert [model.__name__ for model in EVERYTHING if model.objects.exists()] == []


def test_a_document_that_nobody_reads_is_found_and_one_that_is_read_is_let_be(put, handbook):
    put("# Leave\n\nThirty days.")
    row = put_document(collection=handbook, external_id="new", content=b"Words.", media_type="text/plain")
    assert waiting_too_long(60) == []
    assert waiting_too_long(-1) == [row.pk]


def test_a_hundred_chunks_a_second_come_in_with_the_static_model(put, handbook, capsys):
    put("Words that load the models.", external_id="first")
    text = "\n\n".join(
        f"## Part {n}\n\nThe harbour opens at six on day {n}. Ships wait outside. " * 3 for n in range(500)
    )
    row = put_document(collection=handbook, external_id="long", content=text.encode(), media_type="text/markdown")
    began = time.process_time()
    assert index_document(row.pk) == "indexed"
    rate = Chunk.objects.filter(document=row).count() / (time.process_time() - began)
    with capsys.disabled():
        print(f" {rate:,.0f} chunks a second of a core")
    assert rate >= 100
