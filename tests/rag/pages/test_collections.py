"""Pages of collections: made, filled, changed, ended."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from rag.models import Collection, Document, EmbeddingIndex, Ingest, IngestProblem
from rag.services import NewDocument, start_ingest
from tenants.models import Tenant
from tests.rag.pages.conftest import body
from tests.rag.search.planted import make_collection, make_index
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db

LIST = "/t/acme/documents/"
FIELDS = {
    "name": "handbook",
    "description": "What every employee should know",
    "embedding": "static",
    "language": "auto",
    "chunk_tokens": 200,
    "chunk_overlap": 30,
    "method": "hybrid",
    "top_k": 8,
    "diversity": 0,
    "reranker": "none",
    "timeout_ms": 2000,
    "context_tokens": 3000,
    "screening": "drop",
    "when_unsupported": "say_so",
    "unsupported_text": "The handbook does not say.",
}


def only(tenant: Tenant) -> Collection:
    found: Collection = Collection.objects.for_tenant(tenant).get()
    return found


def page_of(collection: Collection, tab: str = "") -> str:
    return f"{LIST}collections/{collection.pk}/{f'?tab={tab}' if tab else ''}"


def test_the_first_collection_is_made_from_the_empty_list(developer: Client, acme: Tenant):
    shown = body(developer.get(LIST))
    assert "No documents yet" in shown
    assert f"{LIST}collections/new/" in shown

    sent = developer.post(f"{LIST}collections/new/", {**FIELDS, "access_tags": "hr, legal"})

    row = only(acme)
    assert sent.headers["Location"] == page_of(row)
    assert (row.name, row.access_tags, row.embedding_model) == ("handbook", ["hr", "legal"], "static")
    assert "From files" in body(developer.get(page_of(row)))
    assert "handbook" in body(developer.get(LIST))


def test_a_wrong_setting_is_said_beside_its_field_and_what_was_typed_stays(developer: Client, acme: Tenant):
    shown = body(developer.post(f"{LIST}collections/new/", {**FIELDS, "name": "Hand Book", "chunk_overlap": 150}))

    assert "Lower-case letters" in shown
    assert "At most half of a chunk." in shown
    assert 'value="Hand Book"' in shown
    assert not Collection.objects.for_tenant(acme).exists()


def test_two_collections_of_a_tenant_have_two_names(developer: Client, acme: Tenant):
    make_collection(acme)
    shown = body(developer.post(f"{LIST}collections/new/", FIELDS))
    assert "There is a collection of this name already." in shown


def test_a_providers_model_needs_its_route(developer: Client, acme: Tenant):
    shown = body(developer.post(f"{LIST}collections/new/", {**FIELDS, "embedding": "route"}))
    assert "Choose the route whose model embeds." in shown


def test_settings_are_changed_and_shown(developer: Client, handbook: Collection, acme: Tenant):
    changed = {**FIELDS, "top_k": 5, "screening": "flag"}
    assert developer.post(f"{page_of(handbook)}edit/", changed).status_code == 302
    row = only(acme)
    assert (row.top_k, row.screening, row.embedding_model) == (5, "flag", "static")
    assert "Keep it, fenced, and tell" in body(developer.get(page_of(handbook, "settings")))


def test_a_collection_is_switched_off_and_on(developer: Client, handbook: Collection, acme: Tenant):
    developer.post(f"{page_of(handbook)}switch/")
    assert not only(acme).enabled
    assert "Switched off" in body(developer.get(LIST))
    developer.post(f"{page_of(handbook)}switch/")
    assert only(acme).enabled


def test_a_collection_is_deleted_after_its_name_was_typed(developer: Client, handbook: Collection, acme: Tenant):
    assert "This is not the name." in body(developer.post(f"{page_of(handbook)}delete/", {"typed": "other"}))
    assert developer.post(f"{page_of(handbook)}delete/", {"typed": "handbook"}).headers["Location"] == LIST
    assert not Document.objects.for_tenant(acme).exists()


def test_the_list_says_how_many_documents_and_which_vectors(developer: Client, handbook: Collection):
    Document.objects.for_tenant(handbook.tenant_id).filter(external_id="office.md").update(state="failed")
    shown = body(developer.get(LIST))
    assert "1 failed" in shown
    assert "Static vectors" in shown
    assert re.search(r'data-label="Documents">\s*4\s*<', shown)


def test_files_come_in_as_one_ingest(developer: Client, acme: Tenant, handbook: Collection):
    files = [
        SimpleUploadedFile("travel.md", b"# Travel\n\nTrains before planes."),
        SimpleUploadedFile("visits.txt", b"Visitors sign in at the desk."),
    ]
    sent = developer.post(f"{page_of(handbook)}upload/", {"files": files, "access_tags": "hr"})

    ingest = Ingest.objects.for_tenant(acme).get()
    assert sent.headers["Location"] == f"{page_of(handbook)}ingests/{ingest.pk}/"
    rows = Document.objects.for_tenant(acme).filter(ingest=ingest).order_by("external_id")
    assert [(row.external_id, row.media_type, row.access_tags) for row in rows] == [
        ("travel.md", "text/markdown", ["hr"]),
        ("visits.txt", "text/plain", ["hr"]),
    ]
    assert "0 of 2 documents" in body(developer.get(sent.headers["Location"]))
    assert "Upload" in body(developer.get(page_of(handbook, "ingests")))


def test_files_that_are_too_much_together_are_refused_before_any_is_taken(
    developer: Client, acme: Tenant, handbook: Collection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("rag.pages.incoming.MOST_MB_TOGETHER", 0.00001)
    files = [SimpleUploadedFile("a.txt", b"sixteen letters."), SimpleUploadedFile("b.txt", b"and more of them")]
    assert "send them in several goes" in body(developer.post(f"{page_of(handbook)}upload/", {"files": files}))
    assert not Ingest.objects.for_tenant(acme).exists()


def test_a_text_is_added_under_a_name_of_its_own(developer: Client, acme: Tenant, handbook: Collection):
    said = {"title": "Parking", "text": "Bikes go\r\nto the yard."}
    developer.post(f"{page_of(handbook)}text/", said)
    row = Document.objects.for_tenant(acme).get(title="Parking")
    assert row.external_id.startswith("parking-")
    assert bytes(row.pending) == b"Bikes go\nto the yard."


def test_addresses_are_taken_line_by_line_and_those_of_no_web_are_problems(
    developer: Client, acme: Tenant, handbook: Collection
):
    said = {"urls": "https://docs.example/one\nftp://docs.example/two\n"}
    place = developer.post(f"{page_of(handbook)}addresses/", said).headers["Location"]
    ingest = Ingest.objects.for_tenant(acme).get()
    assert ingest.total == 2
    assert Document.objects.for_tenant(acme).filter(ingest=ingest).get().uri == "https://docs.example/one"
    assert IngestProblem.objects.for_tenant(acme).get().document == "ftp://docs.example/two"
    assert "ftp://docs.example/two" in body(developer.get(place))


def test_chosen_documents_are_deleted_and_no_other_collections(developer: Client, acme: Tenant, handbook: Collection):
    ids = [
        str(one)
        for one in Document.objects.for_tenant(acme).filter(title__in=["Leave", "Pay"]).values_list("pk", flat=True)
    ]
    strange = Document.objects.create(
        tenant=acme, collection=make_collection(acme, "other"), external_id="kept.md", state="ready"
    )
    developer.post(f"{page_of(handbook)}chosen/delete/", {"document": [*ids, str(strange.pk), "nonsense"]})
    left = Document.objects.for_tenant(acme).order_by("external_id").values_list("external_id", flat=True)
    assert list(left) == ["expenses.md", "kept.md", "office.md"]


def test_failed_documents_are_listed_with_their_reason_and_tried_again(
    developer: Client, acme: Tenant, handbook: Collection
):
    failed = Document.objects.for_tenant(acme).get(title="Office")
    failed.state, failed.error, failed.pending = "failed", "The file is encrypted.", b"%PDF"
    failed.save()
    shown = body(developer.get(f"{page_of(handbook)}?state=failed"))
    assert "The file is encrypted." in shown
    assert "Expenses" not in shown

    developer.post(f"{page_of(handbook)}chosen/retry/")

    failed.refresh_from_db()
    assert (failed.state, failed.error) == ("waiting", "")


def test_documents_are_searched_and_filtered_by_tag(developer: Client, handbook: Collection):
    assert "Expenses" not in body(developer.get(f"{page_of(handbook)}?tag=hr"))
    shown = body(developer.get(f"{page_of(handbook)}?q=expen"))
    assert "Expenses" in shown
    assert "Leave" not in shown


def test_new_vectors_are_made_beside_those_in_use(developer: Client, acme: Tenant, handbook: Collection):
    EmbeddingIndex.objects.create(tenant=acme, collection=handbook, model="route:vectors", state="building")
    shown = body(developer.get(page_of(handbook, "settings")))
    assert "Route vectors" in shown
    assert re.search(r"0\s+of 5\s+vectors", shown)
    assert "New vectors are being made" in shown


def test_an_index_that_cannot_be_searched_is_said_on_the_collections_page(developer: Client, acme: Tenant):
    collection = make_collection(acme, "broken")
    make_index(collection, error="The model has another length now.")
    assert "The model has another length now." in body(developer.get(page_of(collection)))


@pytest.mark.parametrize("role", ["viewer", "billing"])
def test_who_may_not_read_documents_sees_no_page_of_them(as_member, handbook: Collection, role: str):
    client = as_member(role)
    assert client.get(LIST).status_code == 403
    assert client.get(page_of(handbook)).status_code == 403


def test_another_tenants_collection_is_not_there(developer: Client, acme: Tenant):
    strange = make_collection(make_tenant(name="Other"), "theirs")
    assert developer.get(page_of(strange)).status_code == 404
    assert developer.post(f"{page_of(strange)}delete/", {"typed": "theirs"}).status_code == 404


def test_operators_see_all_tenants_collections_and_whose_they_are(operator: Client, handbook: Collection):
    make_collection(make_tenant(name="Other"), "theirs")
    shown = body(operator.get("/console/documents/"))
    assert "handbook" in shown
    assert "theirs" in shown
    assert "Acme" in shown
    assert "Of Acme." in body(operator.get(f"/console/documents/collections/{handbook.pk}/"))


def test_the_console_has_an_empty_list_that_leads_nowhere(operator: Client):
    shown = body(operator.get("/console/documents/"))
    assert "No documents yet" in shown
    assert "Create the first collection" not in shown


def test_an_ingest_is_stopped_on_its_page_after_a_question(developer: Client, handbook: Collection):
    new = [NewDocument(external_id=name, content=b"Words.") for name in ("one", "two")]
    ingest = start_ingest(collection=handbook, source="upload", documents=new)
    page = f"{LIST}collections/{handbook.pk}/ingests/{ingest.pk}/"
    shown = body(developer.get(page))
    assert 'data-confirm-title="Stop the ingest?"' in shown
    assert "Try the failed again" not in shown

    sent = developer.post(f"{page}stop/")

    assert sent.headers["Location"] == page
    shown = body(developer.get(page))
    assert "The ingest is stopped." in shown
    assert "Stopped" in shown
    assert "Try the failed again" in shown
    assert "Its ingest was stopped before it was read." in shown
    assert f"{page}stop/" not in shown
    developer.post(f"{page}stop/")
    assert "The ingest has ended." in body(developer.get(page))


def test_who_may_not_manage_documents_stops_no_ingest(as_member, handbook: Collection):
    ingest = start_ingest(
        collection=handbook, source="upload", documents=[NewDocument(external_id="one", content=b"Words.")]
    )
    page = f"{LIST}collections/{handbook.pk}/ingests/{ingest.pk}/"
    assert as_member("viewer").post(f"{page}stop/").status_code == 403
    ingest.refresh_from_db()
    assert ingest.state == Ingest.State.WAITING
