"""What tests of documents coming in share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rag.ingest.indexing import index_document
from rag.models import Collection, Document
from rag.services import create_collection, put_document
from tenants.models import Tenant
from tests.tenants.factories import make_tenant


@pytest.fixture
def acme(db: None) -> Tenant:
    return make_tenant(slug="acme", name="Acme")


@pytest.fixture
def handbook(acme: Tenant) -> Collection:
    """An empty collection, cut small enough that a page of text has several chunks."""
    return create_collection(tenant=acme, name="handbook", chunk_tokens=40, chunk_overlap=0)


@pytest.fixture
def put(handbook: Collection) -> Callable[..., Document]:
    """``put(text, external_id=…)``: put the document and index it at once, as a worker would."""

    def indexed(text: str | bytes, **fields: Any) -> Document:
        content = text if isinstance(text, bytes) else text.encode()
        given = {"collection": handbook, "external_id": "leave", "media_type": "text/markdown", **fields}
        row = put_document(content=content, **given)
        index_document(row.pk)
        row.refresh_from_db()
        return row

    return indexed
