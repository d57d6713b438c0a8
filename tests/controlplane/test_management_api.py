"""What every resource of the management API promises, held over a table of all of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controlplane.management_urls import router
from events.engine.emitter import MemoryEmitter
from tenants.audit import AuditEntry
from tenants.emitting import set_emitter
from tests.gateway.api_document import api_document
from tests.tenants.rest.callers import error_of
from tests.tenants.rest.cases import CASES, DELETABLE, OF_TENANTS, Case, World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.path)
every_tenants_case = pytest.mark.parametrize("case", OF_TENANTS, ids=lambda case: case.path)

OF_THEIR_OWN = (
    *("alerting/slos", "alerting/rules", "alerting/silences", "alerting/incidents"),
    *("alerting/actions", "alerting/action-runs", "alerting/channels", "alerting/escalations"),
    *("evaluation/golden-sets", "evaluation/evaluators", "evaluation/gates", "evaluation/runs"),
    *("evaluation/run-schedules", "evaluation/live-evaluations", "evaluation/drift-monitors"),
    *("reports/schedules", "reports/reports", "insights/impact-rules", "deployments"),
    *("collections", "documents", "ingests"),
    "invitations",
    "guardrails/policies",
)
"""Never changed but by actions, and seen by few, or of more than one row: tested with their own verbs."""
READ_ONLY = ("audit-entries", "runs", "events", "quarantined-events", "usage", "insights/savings")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def document() -> Any:
    return api_document()


def test_the_table_names_every_resource() -> None:
    names = {str(getattr(pattern, "name", "")) for pattern in router.urls}
    lists = {name.removesuffix("-list") for name in names if name.endswith("-list")}
    assert lists == {case.path for case in CASES} | set(READ_ONLY) | set(OF_THEIR_OWN)


def test_no_address_lets_anybody_in_without_credentials(world: World) -> None:
    for pattern in router.urls:
        path = "/api/v1/" + str(pattern.pattern).strip("^$")
        address = path.replace(path[path.find("(") : path.find(")") + 1], str(uuid.uuid4())) if "(" in path else path
        for method in ("get", "post", "put", "patch", "delete"):
            response = getattr(world.anonymous, method)(address)
            assert response.status_code in (401, 404), (method, address)
            if response.status_code == 401:
                assert response.headers["www-authenticate"].startswith("Bearer")


@every_case
def test_a_row_is_created_read_changed_and_deleted(case: Case, world: World) -> None:
    writer, (name, value) = case.writer(world), case.change
    made = case.make(world)
    address = case.one(made)
    read = writer.get(address)
    assert read.status_code == 200
    assert read.json() == {field: shown for field, shown in made.items() if field != "clear_key"}
    assert writer.patch(address, {name: value}).json()[name] == value
    assert writer.get(address).json()[name] == value
    if not case.deletable:
        assert writer.delete(address).status_code == 405
        return
    assert writer.delete(address).status_code == 204
    assert writer.get(address).status_code == 404


@every_case
def test_answers_are_as_the_document_says(case: Case, world: World, document: Any) -> None:
    made = case.make(world)
    one = document["paths"][f"{case.url}/{{id}}"]
    for answers, status, body in (
        (document["paths"][case.url]["post"], "201", made),
        (document["paths"][case.url]["get"], "200", case.writer(world).get(case.url).json()),
        (one["get"], "200", case.writer(world).get(case.one(made)).json()),
        (one["patch"], "200", case.writer(world).patch(case.one(made), dict([case.change])).json()),
    ):
        schema = answers["responses"][status]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(body)


@every_case
def test_every_change_is_audited_and_announced(
    case: Case, world: World, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    emitter = MemoryEmitter()
    set_emitter(emitter)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            made = case.make(world)
            case.writer(world).patch(case.one(made), dict([case.change]))
            if case.deletable:
                case.writer(world).delete(case.one(made))
    finally:
        set_emitter(None)
    entries = AuditEntry.objects.filter(object_type=case.object_type, object_id=made["id"]).order_by("id")
    actions = ["created", "updated"] + (["deleted"] if case.deletable else [])
    assert [entry.action for entry in entries] == actions
    assert all(entry.actor.startswith("service-key:test") for entry in entries)
    assert all(entry.source_ip == "127.0.0.1" for entry in entries)
    told = [event for event in emitter.of_type("config.object.changed") if event.object_id == made["id"]]  # type: ignore[attr-defined]
    assert [event.action for event in told] == actions  # type: ignore[attr-defined]


@every_case
def test_what_was_read_can_be_sent_back_whole(case: Case, world: World) -> None:
    made = case.make(world)
    read = case.writer(world).get(case.one(made)).json()
    response = case.writer(world).put(case.one(made), read)
    assert response.status_code == 200, response.json()
    assert response.json() == read


@every_case
def test_looking_does_not_allow_changing(case: Case, world: World) -> None:
    made = case.make(world)
    address = case.one(made) if case.path != "tenants" else f"/api/v1/tenants/{world.tenant.pk}"
    assert world.reader.get(case.url).status_code == 200
    assert world.reader.get(address).status_code == 200
    for response in (
        world.reader.post(case.url, case.body(world)),
        world.reader.put(address, {}),
        world.reader.patch(address, {}),
        *([world.reader.delete(address)] if case.deletable else []),
    ):
        assert response.status_code == 403
        assert error_of(response)["code"] == "PERMISSION_DENIED"


@every_case
def test_another_tenants_row_is_as_unknown_as_none(case: Case, world: World) -> None:
    made = case.make(world)
    address = case.one(made) if case.path != "tenants" else f"/api/v1/tenants/{world.tenant.pk}"
    nothing = f"{case.url}/{uuid.uuid4()}"
    for method in ("get", "put", "patch", *(["delete"] if case.deletable else [])):
        foreign, missing = (getattr(world.stranger, method)(where) for where in (address, nothing))
        allowed = {403} if case.by_platform and method != "get" and case.path == "prices" else {404}
        assert {foreign.status_code, missing.status_code} <= allowed
        assert error_of(foreign)["message"] == error_of(missing)["message"]
    listed = world.stranger.get(case.url, {"limit": 200}).json()["data"]
    assert made["id"] not in {row["id"] for row in listed}


@every_tenants_case
def test_nothing_is_made_for_another_tenant(case: Case, world: World) -> None:
    body, stranger = case.body(world), world.stranger
    before = AuditEntry.objects.count()
    response = stranger.post(case.url, body)
    assert response.status_code in ((400, 403) if case.by_platform else (400,)), response.json()
    error_of(response)
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize("case", [case for case in CASES if case.by_platform], ids=lambda case: case.path)
def test_a_tenants_owner_does_not_change_what_is_the_platforms(case: Case, world: World) -> None:
    made = case.make(world)
    assert world.owner.post(case.url, case.body(world)).status_code == 403
    if case.path == "tenants":
        assert world.owner.delete(f"/api/v1/tenants/{world.tenant.pk}").status_code == 403
        return
    assert world.owner.patch(case.one(made), dict([case.change])).status_code == 403


@every_case
def test_a_version_is_recognised_and_changes_with_the_row(case: Case, world: World) -> None:
    writer, change = case.writer(world), dict([case.change])
    address = case.one(case.make(world))
    first = writer.get(address).headers["etag"]
    assert first.startswith('"')
    unchanged = writer.get(address, headers={"if-none-match": f'"other", W/{first}'})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", first)

    changed = writer.patch(address, change, headers={"if-match": first})
    assert changed.status_code == 200
    second = changed.headers["etag"]
    assert second != first == writer.get(address, headers={"if-none-match": first}).headers.get("x", first)
    for method in ("patch", "put", *(["delete"] if case.deletable else [])):
        stale = getattr(writer, method)(address, change, headers={"if-match": first})
        assert stale.status_code == 412, method
        assert error_of(stale)["details"] == {"etag": second}
    weak = writer.patch(address, change, headers={"if-match": f"W/{second}"})
    assert weak.status_code == 412
    assert writer.patch(address, change, headers={"if-match": "*"}).status_code == 200
    assert writer.patch(address, change, headers={"if-match": "no quotes"}).status_code == 400


@every_case
def test_an_installation_may_demand_the_version(case: Case, world: World, settings: Any) -> None:
    settings.MANAGEMENT_REQUIRE_IF_MATCH = True
    writer = case.writer(world)
    address = case.one(case.make(world))
    assert error_of(writer.patch(address, dict([case.change])))["code"] == "PRECONDITION_REQUIRED"
    etag = writer.get(address).headers["etag"]
    assert writer.patch(address, dict([case.change]), headers={"if-match": etag}).status_code == 200


@every_case
def test_the_same_request_is_done_once(case: Case, world: World) -> None:
    writer, body = case.writer(world), case.body(world)
    headers = {"idempotency-key": str(uuid.uuid4())}
    first = writer.post(case.url, body, headers=headers)
    again = writer.post(case.url, body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.headers["location"], again.headers["etag"]) == (first.headers["location"], first.headers["etag"])
    assert AuditEntry.objects.filter(object_id=first.json()["id"], action="created").count() == 1

    other = writer.post(case.url, case.body(world), headers=headers)
    assert other.status_code == 422
    assert error_of(other)["code"] == "IDEMPOTENCY_KEY_REUSED"


@every_case
def test_a_refused_request_may_be_sent_again_corrected(case: Case, world: World) -> None:
    writer, body = case.writer(world), case.body(world)
    headers = {"idempotency-key": str(uuid.uuid4())}
    assert writer.post(case.url, {**body, **case.wrong}, headers=headers).status_code == 400
    assert writer.post(case.url, body, headers=headers).status_code == 201


@every_case
def test_pages_hold_every_row_once_in_order(case: Case, world: World) -> None:
    for _ in range(5):
        case.make(world)
    writer = case.writer(world)
    everything = [row["id"] for row in writer.get(case.url, {"limit": 200}).json()["data"]]
    assert everything == sorted(everything, reverse=True)
    found: list[str] = []
    cursor = ""
    while True:
        parameters: dict[str, Any] = {"limit": 2, "cursor": cursor} if cursor else {"limit": 2}
        page = writer.get(case.url, parameters)
        body = page.json()
        assert len(body["data"]) <= 2
        assert ("link" in page.headers) is body["has_more"] is (body["next_cursor"] is not None)
        found += [row["id"] for row in body["data"]]
        if not body["has_more"]:
            break
        cursor = body["next_cursor"]
    assert found == everything


@every_case
def test_a_list_refuses_parameters_that_make_no_sense(case: Case, world: World) -> None:
    for name, value in (
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "many"),
        ("cursor", "bogus"),
        ("cursor", "WyJhIl0"),
        ("ordering", "secret"),
        ("nmae", "x"),
        ("created_after", "yesterday"),
        ("created_after", ""),
        ("created_after", "0001-01-01T00:00:00+12:00"),
    ):
        error = error_of(response := case.writer(world).get(case.url, {name: value}))
        assert response.status_code == 400, (name, value)
        assert error["param"] == name
        assert error["details"]["fields"][0]["param"] == name


@every_case
def test_what_is_wrong_is_named(case: Case, world: World) -> None:
    writer, body = case.writer(world), case.body(world)
    unknown = writer.post(case.url, {**body, "colour": "red"})
    assert unknown.status_code == 400
    assert error_of(unknown)["param"] == "colour"

    invalid = writer.post(case.url, {**body, **case.wrong})
    assert invalid.status_code == 400
    error = error_of(invalid)
    assert error["type"] == "invalid_request_error"
    [name] = case.wrong
    assert any(field["param"].startswith((name, "non_field_errors")) for field in error["details"]["fields"])

    fixed = writer.patch(case.one(case.make(world)), {"id": str(uuid.uuid4())})
    assert fixed.status_code == 400
    assert error_of(fixed)["param"] == "id"


@pytest.mark.parametrize("case", DELETABLE, ids=lambda case: case.path)
def test_what_is_gone_is_gone(case: Case, world: World) -> None:
    writer, address = case.writer(world), case.one(case.make(world))
    assert writer.delete(address).content == b""
    assert writer.delete(address).status_code == 404


@pytest.mark.parametrize("path", READ_ONLY)
def test_what_happened_can_only_be_read(path: str, world: World) -> None:
    address = f"/api/v1/{path}"
    assert world.reader.get(address).status_code == 200
    assert world.operator.get(address).status_code == 200
    for method in ("post", "put", "patch", "delete"):
        refused = getattr(world.operator, method)(address)
        assert refused.status_code == 405
        assert error_of(refused)["code"] == "METHOD_NOT_ALLOWED"
