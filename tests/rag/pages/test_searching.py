"""The search tester and the recall tester."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from evaluation.engine.golden_files import Item
from evaluation.golden_sets import create_golden_set, put_items
from rag.models import Collection
from rag.pages.words import degraded_words
from tenants.models import Tenant
from tests.rag.pages.conftest import body

pytestmark = pytest.mark.django_db


def search(client: Client, collection: Collection, **given: Any) -> str:
    return body(client.get(f"/t/acme/documents/collections/{collection.pk}/", {"tab": "search", **given}))


def found(shown: str) -> list[str]:
    return re.findall(r'documents/[0-9a-f-]{36}/\?at=\d+-\d+">([^<]+)<', shown)


def test_passages_come_with_marked_words_and_how_they_were_found(developer: Client, handbook: Collection):
    shown = search(developer, handbook, q="refund of an expense")
    assert found(shown)[0] == "Expenses"
    assert "<mark>Expenses</mark>" in shown
    assert "<mark>refunded</mark>" in shown
    assert "rank 1, BM25" in shown
    assert "cosine" in shown


def test_what_a_key_with_tags_sees_is_what_it_would_get(developer: Client, handbook: Collection):
    asked = {"q": "salaries paid", "method": "keyword"}
    assert found(search(developer, handbook, **asked)) == ["Pay"]
    assert found(search(developer, handbook, **asked, sees="tags", tags="")) == []
    assert found(search(developer, handbook, **asked, sees="tags", tags="hr, legal")) == ["Pay"]


def test_filters_narrow_down_and_wrong_ones_are_explained(developer: Client, handbook: Collection):
    assert set(found(search(developer, handbook, q="leave", filters='{"year": {"gte": 2026}}'))) == {"Leave"}
    assert "This is no JSON object" in search(developer, handbook, q="leave", filters="{year}")
    assert "Nothing could be searched" in search(developer, handbook, q="leave", filters='{"year": {"near": 1}}')


def test_nothing_found_is_said(developer: Client, handbook: Collection):
    assert "Nothing was found" in search(developer, handbook, q="zebra", method="keyword")


def test_why_less_was_done_is_said_in_a_sentence():
    said = degraded_words("vectors_slow, rerank_failed")
    assert said.startswith("Vectors were left out, so passages were found by words alone: it took longer")
    assert said.endswith("Passages stand in the order in which they were found: reranking failed.")


def measure(client: Client, collection: Collection, **given: Any) -> str:
    return body(client.post(f"/t/acme/documents/collections/{collection.pk}/?tab=recall", {"depth": 10, **given}))


def test_recall_is_measured_by_words_vectors_and_both(developer: Client, handbook: Collection):
    lines = "When are expenses refunded?\texpenses.md\nHow many days of leave are there? | Leave\n"
    shown = measure(developer, handbook, lines=lines)
    assert "2 questions" in shown
    rows = dict(re.findall(r'<th scope="row">(Hybrid|Keywords|Vectors).*?<td class="num">([\d.]+)</td>', shown))
    assert (rows["Hybrid"], rows["Keywords"]) == ("1.000", "1.000")
    assert "None went wrong" in shown


def test_questions_that_went_wrong_are_listed_with_what_was_found_instead(developer: Client, handbook: Collection):
    shown = measure(developer, handbook, lines="When are expenses refunded?\toffice.md\tmissing.md")
    assert "Expected: office.md · missing.md" in shown
    assert "First found: Expenses" in shown
    assert "No document is called so" in shown


def test_a_line_without_a_document_is_told_by_its_number(developer: Client, handbook: Collection):
    assert "Line 2: write a question" in measure(developer, handbook, lines="a\tleave.md\nb")
    assert "Write questions, or choose a golden set." in measure(developer, handbook)


def test_a_golden_sets_context_says_what_should_be_found(developer: Client, acme: Tenant, handbook: Collection):
    golden_set = create_golden_set(tenant=acme, name="What people ask")
    items = [
        Item(input="When are expenses refunded?", context=["expenses.md"]),
        Item(input="How much leave is there?", context=["Employees have thirty days of annual leave."]),
        Item(input="Nothing says what this should find."),
    ]
    put_items(golden_set=golden_set, items=items, source="console")
    shown = measure(developer, handbook, golden_set=str(golden_set.pk))
    assert "2 questions" in shown
    assert "What people ask" in shown
