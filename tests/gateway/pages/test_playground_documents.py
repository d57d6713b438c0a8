"""The playground asks documents: a collection is chosen, what is cited leads to it."""

from __future__ import annotations

from typing import Any

import pytest

from rag.ingest.indexing import index_document
from rag.models import Collection, Document
from rag.services import create_collection, put_document, update_collection
from routing.services import TargetChoice, create_model, create_provider, create_route
from tenants.models import Tenant
from tests.gateway.pages.test_playground import PLAYGROUND, ask, member, signed_in

TEXT = "Employees of the company have 25 days of paid leave a year."
QUESTION = "How many days of paid leave do employees have?"
# A character outside of the basic plane: places count characters, browsers count halves of it.
REPLY = "🌴 Employees have 25 days of paid leave a year [1]."

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def handbook(answering: Tenant, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """One document, and a route whose model cites it."""
    monkeypatch.setattr("rag.ingest.documents.have_read", lambda _document: None)
    provider = create_provider(name="reading", kind="sandbox", base_url="sandbox://", options={"reply": REPLY})
    model = create_model(provider=provider, name="reader", prices={"input": 1, "output": 1})
    create_route(name="a-reader", tenant=answering, targets=[TargetChoice(model=model)])
    collection = create_collection(tenant=answering, name="handbook", timeout_ms=20_000)
    row = put_document(
        collection=collection, external_id="leave.md", content=TEXT.encode(), media_type="text/plain", title="Leave"
    )
    assert index_document(row.pk) == "indexed"
    return collection


def test_collections_that_are_searched_are_on_offer(answering: Tenant, handbook: Collection) -> None:
    client = signed_in(member(answering))
    page = client.get(PLAYGROUND).content.decode()
    assert '<option value="handbook">handbook</option>' in page
    assert "All collections" in page
    update_collection(collection=handbook, enabled=False)
    assert "Answer from documents" not in client.get(PLAYGROUND).content.decode()


def test_an_answer_from_documents_comes_with_what_it_cites(answering: Tenant, handbook: Collection) -> None:
    body: dict[str, Any] = {"model": "a-reader", "messages": [{"role": "user", "content": QUESTION}], "mode": "rag"}
    body["retrieval"] = {"collections": ["handbook"]}
    events = [event for _, event in ask(signed_in(member(answering)), {**body, "stream": True})]
    [cited] = next(event["citations"] for event in events if event.get("citations"))
    assert (cited["title"], cited["start"], cited["end"]) == ("Leave", 0, len(TEXT))
    assert cited["document_id"] == str(Document.objects.for_tenant(answering).get().pk)
