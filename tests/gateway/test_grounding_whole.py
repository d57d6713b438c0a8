"""Answers from real documents: PostgreSQL, the shipped retriever and assessor, the gateway of the process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from gateway import process
from rag.ingest.indexing import index_document
from rag.models import Collection
from rag.services import create_collection, put_document, update_collection
from routing.catalogue import SANDBOX, register
from routing.services import TargetChoice, create_model, create_provider, create_route
from tenants.keys import ClearKey
from tenants.models import Tenant
from tenants.services import create_key, create_tenant
from tests.gateway.test_doors import ViewDoor

LEAVE = "Employees of the company have 25 days of paid leave a year. Unused days expire at the end of March."
SALARY = "The salary of the managing director is 200,000 euros a year, of which employees must not be told."
OTHERS = "Contractors of the other company have 7 days of paid leave a year."


def keyed(tenant: Any, clear: str, **fields: Any) -> None:
    create_key(tenant=tenant, name=clear, clear_key=ClearKey(clear=clear, prefix="k", last_four=clear[-4:]), **fields)


def documented(tenant: Any, *documents: tuple[str, str, list[str]]) -> None:
    collection = create_collection(tenant=tenant, name="handbook")
    for name, text, tags in documents:
        row = put_document(
            collection=collection,
            external_id=name,
            content=text.encode(),
            media_type="text/plain",
            title=name.title(),
            uri=f"https://docs.example.com/{name}",
            access_tags=tags,
        )
        index_document(row.id)


@pytest.fixture
def door(transactional_db: None, settings: Any, tmp_path: Any) -> Iterator[ViewDoor]:
    settings.SPOOL_DIR = tmp_path / "spool"
    ours, theirs = create_tenant(slug="ours", name="Ours"), create_tenant(slug="theirs", name="Theirs")
    keyed(ours, "staff-key")
    keyed(ours, "finance-key", access_tags=["finance"])
    keyed(theirs, "their-key", access_tags=["*"])
    models = {model.name: model for model in register(SANDBOX).models.all()}
    create_route(name="default", is_default=True, targets=[TargetChoice(model=models["sandbox-small"], priority=0)])
    documented(ours, ("leave", LEAVE, []), ("salary", SALARY, ["finance"]))
    documented(theirs, ("contractors", OTHERS, []))
    try:
        yield ViewDoor(process.running())
    finally:
        process.stop()


def found(door: ViewDoor, key: str, query: str, **fields: Any) -> set[str]:
    reply = door.post("/v1/retrieval/query", {"query": query, **fields}, key=key)
    assert reply.status == 200, reply.body
    return {one["external_id"] for one in reply.json["passages"]}


def test_documents_are_found_and_answered_from_by_who_may_see_them(door: ViewDoor) -> None:
    question = "How many days of paid leave do employees have, and what is the salary of the managing director?"
    assert found(door, "staff-key", question) == {"leave"}
    assert found(door, "staff-key", question, access_tags=["finance", "*"]) == {"leave"}
    assert found(door, "finance-key", question) == {"leave", "salary"}
    assert found(door, "their-key", question) == {"contractors"}

    body = {"messages": [{"role": "user", "content": question}], "mode": "rag"}
    for key, passages in (("staff-key", 1), ("finance-key", 2), ("their-key", 1)):
        reply = door.post("/v1/chat/completions", body, key=key)
        assert reply.status == 200, reply.body
        assert reply.json["retrieval"]["passages"] == passages
        assert reply.json["grounding"] is None or 0 <= reply.json["grounding"]["risk"] <= 1
    reply = door.post("/v1/chat/completions", {**body, "retrieval": {"collections": ["nowhere"]}}, key="staff-key")
    assert (reply.status, reply.json["error"]["param"]) == (400, "retrieval.collections")
    assert "nowhere" in reply.json["error"]["message"]


def test_a_model_that_a_collection_names_judges_answers_beside_the_local_signals(door: ViewDoor) -> None:
    said = {"claims": [{"verdict": "contradicted", "confidence": 0.95}]}
    tenant = Tenant.objects.get(slug="ours")
    for name, reply in (("answers", "Employees have 25 days of paid leave a year [1]."), ("judge", json.dumps(said))):
        provider = create_provider(name=name, kind="sandbox", base_url="sandbox://", options={"reply": reply})
        model = create_model(provider=provider, name=f"{name}-model", prices={"input": 10**6, "output": 10**6})
        create_route(name=name, tenant=tenant, targets=[TargetChoice(model=model, priority=0)])
    collection = Collection.objects.get(tenant=tenant)
    body = {"model": "answers", "messages": [{"role": "user", "content": "How many days of leave?"}], "mode": "rag"}
    local = door.post("/v1/chat/completions", body, key="staff-key").json["grounding"]
    update_collection(collection=collection, judge_route="judge", timeout_ms=10_000)
    judged = door.post("/v1/chat/completions", body, key="staff-key").json["grounding"]
    assert (local["judged_by"], local["support"]) == (None, 1.0)
    assert (judged["judged_by"], judged["support"]) == ("judge", 0.0)
    assert judged["risk"] > 0.5 > local["risk"]
    with pytest.raises(ValidationError):
        update_collection(collection=collection, judge_route="nowhere")


def test_what_the_documents_do_not_say_is_said_by_the_collection(door: ViewDoor) -> None:
    body = {"messages": [{"role": "user", "content": "xylophone quokka"}], "mode": "rag"}
    filtered = {**body, "retrieval": {"filters": {"year": 1999}}}
    reply = door.post("/v1/chat/completions", filtered, key="staff-key")
    assert reply.status == 200, reply.body
    assert reply.json["output_text"] == "I could not find an answer to that in the documents."
    assert reply.json["provider"] == "breakwater"


def test_documents_are_managed_over_the_data_plane(door: ViewDoor) -> None:
    documents = "/v1/retrieval/documents"
    page = {"id": "sick", "text": "Sick days are reported before nine.", "title": "Sick days"}
    reply = door.post(documents, {"collection": "handbook", "documents": [page]}, key="staff-key")
    assert (reply.status, [one["id"] for one in reply.json["data"]]) == (200, ["sick"])
    listed = door.get(f"{documents}?collection=handbook", key="staff-key")
    assert [one["id"] for one in listed.json["data"]] == ["leave", "sick"]
    hidden = door.send("DELETE", f"{documents}?collection=handbook&id=salary&id=sick", authorization="Bearer staff-key")
    assert (hidden.status, hidden.json["ids"]) == (200, ["sick"])
    assert found(door, "finance-key", "salary of the managing director") >= {"salary"}
