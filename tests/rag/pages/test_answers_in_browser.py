"""The project's own documents are asked ten questions; every citation opens its document at the cited words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from gateway import process
from rag.ingest.indexing import index_document
from rag.models import Collection, Document
from rag.services import NewDocument, create_collection, start_ingest
from routing.services import TargetChoice, create_model, create_provider, create_route
from tenants import services
from tenants.models import Tenant
from tenants.secret_services import create_secret
from tests.browser.signed_in import browser_test
from tests.rag.reading_upstream import reading_server
from tests.tenants.factories import make_tenant, make_user

pytestmark = [*browser_test, pytest.mark.timeout(600)]

DOCS = Path(__file__).resolve().parents[3] / "docs"
QUESTIONS = {
    "In which expression language are business invariants written?": "INVARIANTS.md",
    "How do I add a provider with an adapter of its own?": "PROVIDERS.md",
    "What does a policy of guardrails do with texts that a rule finds something in?": "GUARDRAILS.md",
    "Where are prompts redacted before an event is in the spool?": "DATA_PROTECTION.md",
    "How long are answers to prompts about the present kept?": "CACHING.md",
    "Which secrets may a tenant's own provider use?": "SECRETS.md",
    "What do alert rules find, and what becomes of it?": "ALERTING.md",
    "What is a golden set and how is it versioned?": "EVALUATION.md",
    "When are reports sent by mail, and to whom?": "REPORTS.md",
    "Do tests run with SQLite or with a fake Redis?": "TESTING.md",
}
"""What is asked, and the document that has the answer."""


@pytest.fixture
def asked(transactional_db: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Tenant, Client]]:
    """A tenant with the documents, and a client with a key that may ask them."""
    process.stop()
    monkeypatch.setattr("rag.ingest.documents.have_read", lambda _document: None)
    with reading_server() as server:
        tenant = make_tenant(slug="acme", name="Acme", payload_storage="stored")
        create_secret(name="reading", value="sk-reading")
        provider = create_provider(name="reading", kind="openai", base_url=f"{server.url}/v1", secret_ref="db:reading")
        model = create_model(provider=provider, name="reader", capabilities=["chat", "streaming"])
        create_route(name="chat", is_default=True, match_modes=["direct", "rag"], targets=[TargetChoice(model=model)])
        _read_documents(create_collection(tenant=tenant, name="docs", language="english"))
        _, key = services.create_key(tenant=tenant, name="application", access_tags=["*"])
        yield tenant, Client(headers={"authorization": f"Bearer {key}"})
        process.stop()


def _read_documents(collection: Collection) -> None:
    files = sorted(DOCS.glob("*.md"))
    documents = [
        NewDocument(external_id=file.name, content=file.read_bytes(), media_type="text/markdown") for file in files
    ]
    start_ingest(collection=collection, source="upload", documents=documents)
    for pk in Document.objects.for_tenant(collection.tenant_id).values_list("pk", flat=True):
        assert index_document(pk) == "indexed"


def ask(client: Client, question: str) -> dict[str, Any]:
    body = {
        "model": "chat",
        "mode": "rag",
        "retrieval": {"collections": ["docs"]},
        "messages": [{"role": "user", "content": question}],
    }
    answer = client.post("/v1/chat/completions", body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_ten_answers_cite_the_right_document_and_each_citation_opens_at_its_words(
    asked: tuple[Tenant, Client], open_as: Any
) -> None:
    tenant, client = asked
    answers = {question: ask(client, question) for question in QUESTIONS}
    texts = {str(row.pk): row.text for row in Document.objects.for_tenant(tenant)}
    reader = make_user()
    services.set_membership(user=reader, tenant=tenant, role="developer")
    page = open_as(reader, "/t/acme/documents/")
    wrong = []
    for question, expected in QUESTIONS.items():
        cited = answers[question]["citations"]
        assert cited, (question, answers[question])
        if [one["external_id"] for one in cited] != [expected]:
            wrong.append((question, [one["external_id"] for one in cited]))
        for one in cited:
            page.goto(f"/t/acme/documents/{one['document_id']}/?at={one['start']}-{one['end']}")
            marks = page.locator("main mark")
            shown = "".join(marks.all_text_contents())
            assert shown == texts[one["document_id"]][one["start"] : one["end"]]
            assert shown.strip()
            assert marks.first.evaluate("mark => mark.getBoundingClientRect().top < window.innerHeight")
    # The documents are those of today: a sentence that another one gained may answer as well.
    assert len(wrong) <= 1, wrong
