"""Collections, documents and ingests over the management API."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from rag.ingest.indexing import index_document
from rag.models import Chunk, Collection, Document, EmbeddingIndex
from tenants.models import Tenant
from tenants.service_keys import create_service_key
from tests.tenants.factories import make_tenant

Ask = Callable[..., tuple[int, Any]]


def asker(tenant: Tenant, scope: str = "manage") -> Ask:
    _, key = create_service_key(name="pipeline", tenant=tenant, scopes=(scope,))
    client = Client(headers={"authorization": f"Bearer {key}"})

    def asked(method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        response = getattr(client, method)(f"/api/v1/{path}", body, content_type="application/json")
        return response.status_code, response.json() if response.content else None

    return asked


@pytest.fixture
def ask(acme: Tenant) -> Ask:
    return asker(acme)


def test_a_collection_is_made_filled_read_and_deleted(ask):
    status, made = ask("post", "collections", {"name": "handbook", "chunk_tokens": 100})
    assert (status, made["documents"], made["embedding_model"]) == (201, 0, "static")
    body = {"collection_id": made["id"], "external_id": "leave", "text": "Thirty days.", "metadata": {"year": 2026}}
    status, row = ask("post", "documents", body)
    assert (status, row["state"], row["metadata"]) == (201, "waiting", {"year": 2026})
    index_document(row["id"])
    status, row = ask("get", f"documents/{row['id']}")
    assert (status, row["state"], row["chunk_count"]) == (200, "ready", 1)
    assert [one["id"] for one in ask("get", f"documents?collection_id={made['id']}&state=ready")[1]["data"]] == [
        row["id"]
    ]
    assert ask("get", f"collections/{made['id']}")[1]["chunks"] == 1
    indexes = ask("get", f"collections/{made['id']}/indexes")[1]["indexes"]
    assert [(one["state"], one["vectors"], one["chunks"]) for one in indexes] == [("live", 1, 1)]
    assert ask("delete", f"collections/{made['id']}")[0] == 204
    assert not Chunk.objects.exists()
    assert not Collection.objects.exists()


def test_a_document_is_changed_read_again_and_deleted(ask, put):
    row = put("# Leave\n\nThirty days.")
    status, shown = ask("patch", f"documents/{row.pk}", {"access_tags": ["hr"], "uri": "https://acme.example/leave"})
    assert (status, shown["access_tags"], shown["uri"]) == (200, ["hr"], "https://acme.example/leave")
    assert ask("post", f"documents/{row.pk}/reindex")[1]["state"] == "waiting"
    assert ask("delete", f"documents/{row.pk}")[0] == 204
    assert not Document.objects.exists()


def test_files_come_as_base64(ask, handbook):
    content = base64.b64encode(b"name,price\nbolt,3\n").decode()
    body = {"collection_id": str(handbook.pk), "external_id": "prices.csv", "content_base64": content}
    status, row = ask("post", "documents", body)
    assert status == 201
    index_document(row["id"])
    assert Document.objects.get().text == "name: bolt\nprice: 3"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("collections", {"name": "No spaces"}, "name"),
        ("collections", {"name": "x", "embedding_model": "other"}, "embedding_model"),
        ("collections", {"name": "x", "embedding_model": "route:nowhere"}, "embedding_model"),
        ("documents", {"external_id": "a"}, "text"),
        ("documents", {"external_id": "a", "content_base64": "%%"}, "content_base64"),
        ("documents", {"external_id": "a", "text": "x", "metadata": {"deep": {"er": 1}}}, "metadata"),
        ("documents", {"external_id": "a", "text": "x", "uri": "javascript:x"}, "uri"),
        ("documents", {"external_id": "a", "text": "x", "access_tags": ["a b"]}, "access_tags"),
        ("ingests", {"urls": []}, "urls"),
    ],
)
def test_what_is_not_valid_is_refused_by_the_name_of_its_field(ask, handbook, path, body, field):
    if path != "collections":
        body = {"collection_id": str(handbook.pk), **body}
    status, told = ask("post", path, body)
    assert status == 400
    assert field in str(told)
    assert not Document.objects.exists()


def test_addresses_are_waited_for_and_bad_ones_are_told(ask, handbook):
    body = {"collection_id": str(handbook.pk), "urls": ["https://acme.example/a", "ftp://acme.example/b"]}
    status, made = ask("post", "ingests", body)
    assert (status, made["total"], made["failed"], made["state"]) == (201, 2, 1, "waiting")
    [problem] = ask("get", f"ingests/{made['id']}/problems")[1]["problems"]
    assert (problem["document"], problem["code"]) == ("ftp://acme.example/b", "bad_address")
    assert Document.objects.get().to_fetch


def test_another_model_is_made_beside_the_one_in_use(ask, put, handbook):
    put("Some words.")
    status, made = ask("post", f"collections/{handbook.pk}/reembed", {"embedding_model": "minilm"})
    assert (status, made["state"], made["model"]) == (202, "building", "minilm")
    assert set(EmbeddingIndex.objects.values_list("state", flat=True)) == {"live", "building"}
    assert ask("post", f"collections/{handbook.pk}/reembed", {"embedding_model": "other"})[0] == 400


def test_others_neither_see_nor_change_it(put, handbook):
    row = put("Some words.")
    other = asker(make_tenant(slug="other"))
    for path in (f"documents/{row.pk}", f"collections/{handbook.pk}"):
        assert other("get", path)[0] == 404
        assert other("delete", path)[0] == 404
    body = {"collection_id": str(handbook.pk), "external_id": "x", "text": "x"}
    assert other("post", "documents", body)[0] == 400
    assert Document.objects.count() == 1


def test_a_key_that_only_reads_settings_neither_reads_nor_changes_documents(acme, put, handbook):
    row = put("Some words.")
    reader = asker(acme, "manage:read")
    assert reader("get", f"documents/{row.pk}")[0] == 403
    assert reader("delete", f"documents/{row.pk}")[0] == 403
    body = {"collection_id": str(handbook.pk), "external_id": "x", "text": "x"}
    assert reader("post", "documents", body)[0] == 403
