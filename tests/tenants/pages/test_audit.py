"""The audit log's pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tenants import services
from tenants.actor import acting_as
from tenants.audit import AuditCheckpoint, AuditEntry
from tenants.audit_log import note
from tenants.changes import save_row, with_fields
from tenants.pages.audit_changes import changes, names_in, object_label, shown, summary
from tests.tenants.factories import make_key, make_team, make_tenant
from tests.tenants.pages.people import auditor_client, body_of, client_of, member, operator_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> Client:
    return operator_client()


def newest(object_type: str) -> AuditEntry:
    return AuditEntry.objects.filter(object_type=object_type).order_by("-id")[0]


@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("admin", 200), ("developer", 403), ("billing", 403)])
def test_the_log_is_for_owners_and_admins(tenant, role, status):
    client = client_of(member(tenant, role))

    assert client.get("/t/acme/audit/").status_code == status
    assert client.get("/t/acme/audit/export/?format=csv").status_code == status


def test_a_tenants_log_holds_its_own_entries_only(tenant):
    make_team(make_tenant(), name="Theirs")
    make_team(tenant, name="Ours")

    body = body_of(client_of(member(tenant)).get("/t/acme/audit/"))

    assert "Ours" in body
    assert "Theirs" not in body


def test_an_entry_of_another_tenant_is_not_found(tenant):
    make_team(make_tenant(), name="Theirs")

    assert client_of(member(tenant)).get(f"/t/acme/audit/{newest('team').pk}/").status_code == 404


def test_the_platforms_log_says_whose_each_entry_is(operator, tenant):
    make_team(tenant, name="Search")

    body = body_of(operator.get("/console/audit/?object_type=team"))

    assert "Search" in body
    assert "Acme" in body


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=Discovery", True),
        ("q=nothing-like-it", False),
        ("q=ada", True),
        ("action=updated", True),
        ("action=revoked", False),
        ("object_type=team&period=1", True),
        ("object_type=budget", False),
        ("actor=ada", True),
        ("actor=ad", False),
        ("source_ip=203.0.113.9", False),
    ],
)
def test_the_log_is_searched_and_filtered(operator, tenant, query, found):
    team = make_team(tenant, name="Search")
    with acting_as("ada"):
        save_row(with_fields(team, {"name": "Discovery"}))

    body = body_of(operator.get(f"/console/audit/?{query}"))

    assert ("Name: Search → Discovery" in body) == found


def test_the_log_is_narrowed_to_days_where_the_viewer_is(operator, tenant):
    make_team(tenant, name="Discovery")
    today = timezone.localdate()

    assert "Discovery" in body_of(operator.get(f"/console/audit/?object_type=team&since={today}&until={today}"))
    late = today + timedelta(days=2)
    assert "Discovery" not in body_of(operator.get(f"/console/audit/?object_type=team&since={late}"))


def test_the_log_is_read_page_by_page(operator, tenant):
    for number in range(55):
        make_team(tenant, name=f"team-{number:02}")

    first = body_of(operator.get("/console/audit/?object_type=team"))
    after = first.split("after=")[1].split('"')[0]
    second = body_of(operator.get(f"/console/audit/?object_type=team&after={after}"))

    assert "team-54" in first
    assert "team-03" not in first
    assert "team-03" in second


def test_the_log_asks_the_database_a_bounded_number_of_times(operator, tenant, django_assert_max_num_queries):
    for _ in range(30):
        make_team(tenant)

    with django_assert_max_num_queries(14):
        operator.get("/console/audit/")


# --- one entry -----------------------------------------------------------------------------------------


def test_an_entry_says_what_changed_in_words(operator, tenant):
    services.update_tenant(tenant=tenant, payload_storage="redacted", active=False, payload_retention_days=1500)

    body = body_of(operator.get(f"/console/audit/{newest('tenant').pk}/"))

    for text in ("<del>Nothing</del>", "<ins>Redacted</ins>", "<del>Yes</del>", "<ins>No</ins>", "<ins>1,500</ins>"):
        assert text in body


def test_an_entry_names_rows_instead_of_their_ids(tenant):
    team = make_team(tenant, name="Search")
    services.update_key(key=make_key(tenant), team=team)
    entry = newest("apikey")

    change = next(one for one in changes(entry, names_in(entry)) if one.label == "Team")

    assert (change.before, change.after) == ("–", "Search")
    assert summary(entry) == "Team changed"


def test_money_is_shown_as_money(tenant):
    services.set_budget(tenant=tenant, name="monthly", limit_nanousd=100_000_000_000)
    services.set_budget(tenant=tenant, name="monthly", limit_nanousd=250_500_000_000)

    assert summary(newest("budget")) == "Limit: $100.00 → $250.50"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        ("", "–"),
        ([], "–"),
        (True, "Yes"),
        (0, "0"),
        (1234567, "1,234,567"),
        ([50, 80], "50, 80"),
        ("x", "x"),
    ],
)
def test_values_are_shown_as_people_read_them(value, text):
    assert shown("field", value) == text


def test_an_entry_that_is_no_change_of_a_row_is_shown_as_well(operator, tenant):
    entry = note(
        AuditEntry.Action.EXPORTED, object_type="auditentry", object_name="audit log", details={"format": "csv"}
    )

    body = body_of(operator.get(f"/console/audit/{entry.pk}/"))

    assert "Format" in body
    assert "csv" in body


def test_markup_in_an_entry_is_text(operator, tenant):
    make_team(tenant, name="<script>alert(1)</script>")

    for path in ("/console/audit/", f"/console/audit/{newest('team').pk}/"):
        assert "<script>alert(1)" not in body_of(operator.get(path))


# --- export and chain ----------------------------------------------------------------------------------


def test_an_export_holds_what_is_filtered_for_and_becomes_an_entry(tenant):
    make_team(tenant, name="Search")
    client = client_of(member(tenant, username="ada"))

    body = body_of(client.get("/t/acme/audit/export/?format=csv&object_type=team"))

    assert "Search" in body
    assert "membership" not in body
    entry = newest("auditentry")
    assert (entry.actor, entry.tenant_ref, entry.after["Object"]) == ("ada", str(tenant.pk), "Team")


def test_an_export_as_json_lines_has_a_line_an_entry(operator, tenant):
    lines = body_of(operator.get("/console/audit/export/?format=jsonl&object_type=tenant")).splitlines()

    assert len(lines) == 1
    assert '"object_name": "acme"' in lines[0]


def test_auditors_export(tenant):
    assert auditor_client().get("/console/audit/export/?format=csv").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_chain_is_checked_on_demand_and_its_state_shown():
    make_tenant()
    operator = operator_client()
    assert "Not checked yet" in body_of(operator.get("/console/audit/"))

    operator.post("/console/audit/check/")

    assert AuditCheckpoint.objects.count() == 1
    assert "Nothing was altered or removed" in body_of(operator.get("/console/audit/"))


def test_auditors_do_not_start_a_check():
    assert auditor_client().post("/console/audit/check/").status_code == 403


def test_objects_are_called_as_people_call_them():
    assert object_label("dryrun") == "Dry run"
    assert object_label("something_gone") == "Something gone"
