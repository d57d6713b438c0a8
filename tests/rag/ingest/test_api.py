"""Collections, documents and ingests over the management API."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from rag.api.documents import DocumentFormParser
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


def test_a_key_that_only_reads_sees_what_documents_there_are_and_changes_none(acme, put, handbook):
    row = put("Some words.")
    reader = asker(acme, "manage:read")
    status, shown = reader("get", f"documents/{row.pk}")
    assert (status, shown["external_id"], shown["state"]) == (200, "leave", "ready")
    assert "Some words" not in str(shown)
    for path in ("documents", "collections", "ingests", f"collections/{handbook.pk}/indexes"):
        assert reader("get", path)[0] == 200
    assert reader("delete", f"documents/{row.pk}")[0] == 403
    assert reader("patch", f"documents/{row.pk}", {"title": "x"})[0] == 403
    assert reader("patch", f"collections/{handbook.pk}", {"description": "x"})[0] == 403
    body = {"collection_id": str(handbook.pk), "external_id": "x", "text": "x"}
    assert reader("post", "documents", body)[0] == 403
    assert reader("post", "ingests", {"collection_id": str(handbook.pk), "urls": ["https://acme.example/"]})[0] == 403
    assert asker(make_tenant(slug="other"), "manage:read")("get", f"documents/{row.pk}")[0] == 404


def sent_as_form(tenant: Tenant, headers: dict[str, str] | None = None, **fields: Any) -> tuple[int, Any]:
    _, key = create_service_key(name="pipeline", tenant=tenant, scopes=("manage",))
    client = Client(headers={"authorization": f"Bearer {key}", **(headers or {})})
    response = client.post("/api/v1/documents", fields)
    return response.status_code, response.json()


def test_files_come_as_forms(acme, handbook):
    status, row = sent_as_form(
        acme,
        collection_id=str(handbook.pk),
        file=SimpleUploadedFile("prices.csv", b"name,price\nbolt,3\n", "application/vnd.ms-excel"),
        metadata='{"year": 2026}',
        access_tags="hr, legal",
    )
    assert (status, row["external_id"], row["media_type"]) == (201, "prices.csv", "text/csv")
    assert (row["metadata"], row["access_tags"], row["bytes"]) == ({"year": 2026}, ["hr", "legal"], 18)
    index_document(row["id"])
    assert Document.objects.get().text == "name: bolt\nprice: 3"


def test_a_file_may_be_larger_than_other_bodies_but_not_too_large(acme, handbook, settings, monkeypatch):
    settings.MANAGEMENT_MAX_BODY_BYTES = 1024
    sent: dict[str, Any] = {"collection_id": str(handbook.pk), "external_id": "long.txt"}
    assert sent_as_form(acme, file=SimpleUploadedFile("a.txt", b"word " * 1_000), **sent)[0] == 201
    monkeypatch.setattr(DocumentFormParser, "max_bytes", 4_000)
    assert sent_as_form(acme, file=SimpleUploadedFile("a.txt", b"word " * 1_000), **sent)[0] == 413
    assert Document.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"external_id": "a"}, "file"),
        ({"file": "a text"}, "file"),
        ({"metadata": "[1]"}, "metadata"),
        ({"access_tags": "a b"}, "access_tags"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_with_a_form_is_told_by_field(acme, handbook, fields, field):
    file = SimpleUploadedFile("a.txt", b"Words.")
    given: dict[str, Any] = {"collection_id": str(handbook.pk), "file": file, **fields}
    if "external_id" in fields:
        del given["file"]
    status, told = sent_as_form(acme, **given)
    assert status == 400
    assert field in str(told)
    assert not Document.objects.exists()


def test_a_form_that_is_sent_again_is_answered_again(acme, handbook):
    _, key = create_service_key(name="pipeline", tenant=acme, scopes=("manage",))
    client = Client(headers={"authorization": f"Bearer {key}", "idempotency-key": "once"})
    answers = [
        client.post(
            "/api/v1/documents",
            {"collection_id": str(handbook.pk), "file": SimpleUploadedFile("a.txt", b"Words.")},
        )
        for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert answers[1].headers["idempotent-replayed"] == "true"


def test_half_a_form_is_refused(acme):
    _, key = create_service_key(name="pipeline", tenant=acme, scopes=("manage",))
    client = Client(headers={"authorization": f"Bearer {key}"})
    for body, content_type in ((b"--x", "multipart/form-data"), (b"", "multipart/form-data; boundary=x")):
        assert client.post("/api/v1/documents", body, content_type=content_type).status_code == 400
