"""The page of a document, to which citations lead."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from rag.models import Chunk, Collection, Document
from tenants.models import Tenant
from tests.rag.pages.conftest import body
from tests.rag.search.planted import make_collection, plant
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


def named(tenant: Tenant, name: str) -> Document:
    found: Document = Document.objects.for_tenant(tenant).get(external_id=name)
    return found


def marked(shown: str) -> str:
    return "".join(re.findall(r"<mark[^>]*>([^<]*)</mark>", shown))


def test_a_citation_leads_to_its_exact_characters(developer: Client, acme: Tenant, handbook: Collection):
    document = named(acme, "leave.md")
    start = document.text.index("thirty")
    shown = body(developer.get(f"/t/acme/documents/{document.pk}/?at={start}-{start + 30}"))
    assert marked(shown) == document.text[start : start + 30]
    assert shown.count('id="marked"') == 1


def test_a_passage_is_shown_by_its_number(developer: Client, acme: Tenant, handbook: Collection):
    document = named(acme, "leave.md")
    shown = body(developer.get(f"/t/acme/documents/{document.pk}/?chunk=1"))
    assert marked(shown) == "Leave is asked for two weeks ahead."
    assert 'id="c0"' in shown
    assert 'id="c1"' in shown


def test_characters_that_are_not_there_any_more_are_said_to_be_gone(
    developer: Client, acme: Tenant, handbook: Collection
):
    shown = body(developer.get(f"/t/acme/documents/{named(acme, 'leave.md').pk}/?at=9000-9100"))
    assert "The marked passage is not here" in shown


def test_what_a_document_says_is_shown_as_text(developer: Client, acme: Tenant):
    row = plant(make_collection(acme), "<script>alert(1)</script> & more", title="Odd")
    shown = body(developer.get(f"/t/acme/documents/{row.pk}/?at=0-8"))
    assert "<script>alert" not in shown
    assert "&lt;script&gt;</mark>" in shown


def test_a_long_document_is_shown_in_parts_and_opened_at_what_is_cited(developer: Client, acme: Tenant):
    texts = [f"Paragraph {number} says something of its own. " * 100 for number in range(40)]
    row = plant(make_collection(acme), *texts)
    at = row.text.index("Paragraph 39")
    shown = body(developer.get(f"/t/acme/documents/{row.pk}/?at={at}-{at + 12}"))
    assert marked(shown) == "Paragraph 39"
    assert "Earlier text" in shown
    assert "Paragraph 0 says" not in shown
    first = body(developer.get(f"/t/acme/documents/{row.pk}/"))
    assert "Later text" in first
    assert "Paragraph 39 says" not in first


def test_metadata_and_tags_are_changed_with_the_passages(developer: Client, acme: Tenant, handbook: Collection):
    document = named(acme, "leave.md")
    page = f"/t/acme/documents/{document.pk}/"
    said = {"title": "Leave", "uri": document.uri, "access_tags": "hr", "metadata": '{"year": 2027, "draft": true}'}
    assert developer.post(f"{page}edit/", said).headers["Location"] == page
    document.refresh_from_db()
    assert (document.access_tags, document.metadata) == (["hr"], {"year": 2027, "draft": True})
    assert {tuple(one.access_tags) for one in Chunk.objects.for_tenant(acme).filter(document=document)} == {("hr",)}
    assert "2027" in body(developer.get(page))


@pytest.mark.parametrize("metadata", ["[1]", '{"a": {"b": 1}}', "no"])
def test_metadata_are_a_flat_object(developer: Client, acme: Tenant, handbook: Collection, metadata: str):
    document = named(acme, "leave.md")
    shown = body(developer.post(f"/t/acme/documents/{document.pk}/edit/", {"title": "x", "metadata": metadata}))
    assert "no flat JSON object" in shown
    document.refresh_from_db()
    assert document.metadata == {"year": 2026}


def test_a_document_is_read_again_and_deleted(developer: Client, acme: Tenant, handbook: Collection):
    document = named(acme, "leave.md")
    page = f"/t/acme/documents/{document.pk}/"
    developer.post(f"{page}index/")
    document.refresh_from_db()
    assert document.state == "waiting"
    place = developer.post(f"{page}delete/").headers["Location"]
    assert place == f"/t/acme/documents/collections/{handbook.pk}/"
    assert not Document.objects.for_tenant(acme).filter(pk=document.pk).exists()


def test_another_tenants_document_is_not_there(developer: Client, acme: Tenant):
    row = plant(make_collection(make_tenant(name="Other")), "Theirs alone.")
    for path in ("", "?at=0-4", "edit/"):
        assert developer.get(f"/t/acme/documents/{row.pk}/{path}").status_code == 404
    assert developer.post(f"/t/acme/documents/{row.pk}/delete/").status_code == 404


def test_operators_read_it_in_the_console(operator: Client, acme: Tenant, handbook: Collection):
    assert "thirty days" in body(operator.get(f"/console/documents/{named(acme, 'leave.md').pk}/"))
