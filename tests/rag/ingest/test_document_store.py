"""Documents over the data plane."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from contracts.errors import InvalidRequest, PermissionDenied
from contracts.retrieval import GivenDocument
from rag.document_store import PostgresDocumentStore
from rag.ingest.indexing import index_document
from rag.models import Document, Ingest
from rag.services import create_collection
from tests.tenants.factories import make_tenant

ALL = frozenset({"*"})


@pytest.fixture
def store(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Its methods as plain functions, for a tenant with the collections ``handbook`` and ``closed`` (tag ``board``)."""
    monkeypatch.setattr("rag.tasks.index_document.delay", lambda _id: None)
    tenant = make_tenant(slug="acme")
    create_collection(tenant=tenant, name="handbook")
    create_collection(tenant=tenant, name="closed", access_tags=["board"])
    made = PostgresDocumentStore()

    class Plain:
        def upsert(self, *documents: GivenDocument, collection: str = "handbook", tags: frozenset[str] = ALL) -> Any:
            return async_to_sync(made.upsert)(
                str(tenant.pk), collection, documents, access_tags=tags, actor="key writer"
            )

        def page(self, cursor: str = "", limit: int = 2, tags: frozenset[str] = ALL, state: str = "") -> Any:
            return async_to_sync(made.page)(
                str(tenant.pk), "handbook", access_tags=tags, cursor=cursor, limit=limit, state=state
            )

        def delete(self, *ids: str, tags: frozenset[str] = ALL) -> Any:
            return async_to_sync(made.delete)(str(tenant.pk), "handbook", ids, access_tags=tags, actor="key writer")

    yield Plain()
    made.close()


def given(id_: str, **fields: Any) -> GivenDocument:
    return GivenDocument(id=id_, **({"text": f"Words of {id_}."} | fields))


def test_documents_are_taken_listed_in_parts_and_deleted(store):
    taken = store.upsert(given("b"), given("a", title="First"), given("c"))
    assert [(one.id, one.state) for one in taken] == [("b", "waiting"), ("a", "waiting"), ("c", "waiting")]
    for row in Document.objects.all():
        index_document(row.pk)
    first = store.page()
    assert [(one.id, one.state, one.chunks) for one in first.documents] == [("a", "ready", 1), ("b", "ready", 1)]
    rest = store.page(first.next_cursor)
    assert ([one.id for one in rest.documents], rest.next_cursor) == (["c"], "")
    assert store.delete("a", "nothing", "c") == ("a", "c")
    assert [one.id for one in store.page().documents] == ["b"]
    assert Ingest.objects.get().requested_by == "key writer"


def test_files_come_as_base64_and_their_kind_is_found_out(store):
    page = b"<!doctype html><title>T</title><body><h1>Fees</h1><p>Ten euros.</p></body>"
    store.upsert(given("f", text=None, content_base64=base64.b64encode(page).decode()))
    row = Document.objects.get()
    assert index_document(row.pk) == "indexed"
    row.refresh_from_db()
    assert (row.media_type, row.title, row.text) == ("text/html", "Fees", "Fees\n\nTen euros.")


def test_one_that_is_not_valid_keeps_all_out(store):
    with pytest.raises(InvalidRequest) as refusal:
        store.upsert(given("a"), given("b", uri="javascript:alert(1)"))
    assert refusal.value.param == "documents[1].uri"
    with pytest.raises(InvalidRequest, match="base64"):
        store.upsert(given("a", text=None, content_base64="%%%"))
    with pytest.raises(InvalidRequest) as refusal:
        store.upsert(given("a"), collection="other")
    assert refusal.value.param == "collection"
    assert not Document.objects.exists()


def test_what_a_caller_may_not_see_it_can_neither_list_nor_replace_nor_delete(store):
    store.upsert(given("open"), given("pay", access_tags=("board",)))
    staff = frozenset({"staff"})
    assert [one.id for one in store.page(tags=staff).documents] == ["open"]
    assert [one.id for one in store.page(tags=frozenset({"board"})).documents] == ["open", "pay"]
    assert store.delete("pay", tags=staff) == ()
    with pytest.raises(PermissionDenied):
        store.upsert(given("pay"), tags=staff)
    with pytest.raises(PermissionDenied):
        store.upsert(given("new", access_tags=("board",)), tags=staff)
    with pytest.raises(PermissionDenied):
        store.upsert(given("new"), collection="closed", tags=staff)
    assert Document.objects.count() == 2


def test_a_cursor_that_is_none_is_refused(store):
    for text in ("%", "aa!", "_w"):
        with pytest.raises(InvalidRequest):
            store.page(text)
