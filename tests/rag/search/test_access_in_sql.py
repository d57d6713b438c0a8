"""What PostgreSQL itself shows a reader: its own tenant's texts, and of those the ones that its tags allow."""

from __future__ import annotations

import pytest
from django.db import ProgrammingError, connection, transaction

from rag.models import Chunk, Document
from tests.rag.search.planted import make_collection, plant
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenants():
    found = [make_tenant(name=name) for name in ("One", "Two")]
    for tenant in found:
        collection = make_collection(tenant)
        plant(collection, f"For all of {tenant.name}.")
        plant(collection, f"For HR of {tenant.name}.", tags=["hr", "boss"])
    return found


def seen(statement: str, tenant: str, tags: str) -> list[str]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('breakwater.tenant', %s, true)", [tenant])
        cursor.execute("SELECT set_config('breakwater.tags', %s, true)", [tags])
        cursor.execute("SET LOCAL ROLE breakwater_reader")
        cursor.execute(statement)
        rows = sorted(str(row[0]) for row in cursor.fetchall())
        cursor.execute("RESET ROLE")
    return rows


TEXTS = "SELECT text FROM rag_chunk"


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        ("*", ["For HR of One.", "For all of One."]),
        ("{hr}", ["For HR of One.", "For all of One."]),
        ("{sales,boss}", ["For HR of One.", "For all of One."]),
        ("{sales}", ["For all of One."]),
        ("{*}", ["For all of One."]),
        ("{}", ["For all of One."]),
        ("", ["For all of One."]),
    ],
)
def test_a_plain_select_shows_one_tenant_and_what_its_tags_allow(tenants, tags, wanted):
    assert seen(TEXTS, str(tenants[0].pk), tags) == wanted


def test_without_a_tenant_nothing_is_shown(tenants):
    assert seen(TEXTS, "", "*") == []


def test_documents_are_behind_it_as_well(tenants):
    names = set(Document.objects.filter(tenant=tenants[1], access_tags=[]).values_list("external_id", flat=True))
    assert set(seen("SELECT external_id FROM rag_document", str(tenants[1].pk), "{}")) == names


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT text FROM rag_document",
        "SELECT pending FROM rag_document",
        "SELECT id FROM rag_collection",
        "DELETE FROM rag_chunk",
        "UPDATE rag_chunk SET text = 'mine'",
        "SELECT secret FROM tenants_storedsecret",
    ],
)
def test_the_reader_may_do_nothing_else(tenants, statement):
    with pytest.raises(ProgrammingError):
        seen(statement, str(tenants[0].pk), "*")


def test_whoever_owns_the_tables_works_with_all_rows(tenants):
    assert Chunk.objects.count() == 4
