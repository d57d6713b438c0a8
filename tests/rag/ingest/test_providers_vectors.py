"""Vectors by a provider's model: through the gateway, in the tenant's name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.errors import ServiceUnavailable
from gateway import process
from gateway.exchange import Answer
from rag.embedding import vectors_in
from rag.ingest.indexing import index_document
from rag.ingest.reembedding import work_on_index
from rag.models import ChunkVector, Collection, Document, EmbeddingIndex
from rag.services import create_collection, put_document
from routing.catalogue import SANDBOX, register
from routing.services import TargetChoice, create_route, delete_route
from tests.tenants.factories import make_tenant


@pytest.fixture
def collection(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collection]:
    """Its vectors come from a route to the sandbox; the gateway ends with the test."""
    monkeypatch.setattr("rag.tasks.index_document.delay", lambda _id: None)
    monkeypatch.setattr("rag.tasks.fill_index.delay", lambda _id: None)
    process.stop()
    models = {model.name: model for model in register(SANDBOX).models.all()}
    embedding = next(model for name, model in models.items() if "embed" in name)
    create_route(name="vectors", targets=[TargetChoice(model=embedding)])
    yield create_collection(tenant=make_tenant(slug="acme"), name="handbook", embedding_model="route:vectors")
    process.stop()


def put(collection: Collection, text: str) -> Document:
    row = put_document(collection=collection, external_id=text, content=text.encode(), media_type="text/plain")
    assert index_document(row.pk) == "indexed"
    return row


def test_documents_are_embedded_by_the_routes_model(collection):
    put(collection, "Thirty days of leave.")
    index = EmbeddingIndex.objects.get()
    assert index.error == ""
    [vector] = ChunkVector.objects.values_list("vector", flat=True)
    assert index.model_version
    assert index.dimensions == len(vector)


def test_without_the_route_words_are_there_and_vectors_follow_once_it_is_back(collection):
    from routing.models import Route

    route = Route.objects.get(name="vectors")
    target = route.targets.get().model
    delete_route(route=route)
    process.stop()
    row = put(collection, "Thirty days of leave.")
    index = EmbeddingIndex.objects.get()
    assert index.error
    assert row.chunks.get().lexemes
    create_route(name="vectors", targets=[TargetChoice(model=target)])
    process.stop()
    work_on_index(index.pk, for_s=60)
    index.refresh_from_db()
    assert (index.error, ChunkVector.objects.count()) == ("", 1)


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": []}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}',
        b'{"data": [{"index": 0, "embedding": "AAAA"}, {"index": 1, "embedding": "AAAA"}]}',
    ],
)
def test_an_answer_without_a_vector_for_each_text_is_none(body):
    with pytest.raises(ServiceUnavailable):
        vectors_in(Answer(200, [], body), 2)


def test_a_refusal_is_told_with_its_code():
    with pytest.raises(ServiceUnavailable, match="BUDGET_EXCEEDED: Spent"):
        vectors_in(Answer(402, [], b'{"error": {"code": "BUDGET_EXCEEDED", "message": "Spent."}}'), 1)


def test_vectors_come_in_the_order_of_the_texts():
    body = b'{"model": "m", "data": [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 0]}]}'
    assert vectors_in(Answer(200, [], body), 2) == ([[1, 0], [0, 1]], "m")
