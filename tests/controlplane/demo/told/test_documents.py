"""The demo's handbook can be searched, and calls rest on it."""

from __future__ import annotations

import pytest

from contracts.tenant_scope import across_tenants
from controlplane.demo.handbook import PAGES, QUESTIONS
from events.models import EventRecord
from rag.models import Chunk, Document
from rag.retriever import search_now
from tenants.models import Tenant

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(240)]


def test_the_handbook_is_searchable_and_calls_were_held_against_it(demo_small):
    tenant = Tenant.objects.get(slug="northwind-bank")
    rows = Document.objects.for_tenant(tenant)
    assert {row.external_id: row.state for row in rows} == {page.name: "ready" for page in PAGES}
    assert Chunk.objects.for_tenant(tenant).count() >= len(PAGES)
    for question, name, _ in QUESTIONS:
        if name:
            found = search_now(tenant=tenant, collections=["handbook"], text=question, top_k=1)
            assert found.passages[0].external_id == name, question

    with across_tenants("the demo's events"):
        told = EventRecord.objects.filter(tenant_id=str(tenant.pk))
        assessed = [one.payload for one in told.filter(event_type="rag.answer.assessed").order_by("occurred_at")]
        assert told.filter(event_type="retrieval.search.completed").count() == len(QUESTIONS)
    assert len(assessed) == len(QUESTIONS)
    wrong = assessed[1]
    assert wrong["risk"] > assessed[0]["risk"]
    assert [one["verdict"] for one in wrong["sentences"]][-1] != "supported"
    assert assessed[4]["declined"]
