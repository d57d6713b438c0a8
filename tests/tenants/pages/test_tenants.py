"""Operators' pages of tenants."""

from __future__ import annotations

import uuid

import pytest
from django.core import mail
from django.test import Client

from contracts.tenant_scope import across_tenants
from events.models import EventRecord, Run, UsageRecord
from tenants import services
from tenants.audit import AuditEntry
from tenants.models import ApiKey, Budget, Invitation, Tenant
from tenants.pages.tenants_create import slug_of
from tests.tenants.factories import make_key, make_tenant
from tests.tenants.pages.people import auditor_client, body_of, client_of, member, operator_client

pytestmark = pytest.mark.django_db

NEW = {"name": "Müller & Söhne", "slug": "", "time_zone": "Europe/Berlin", "payload_storage": "redacted"}
PARTS = ("", "members/", "teams/", "keys/", "limits/", "budgets/", "data/", "audit/")


@pytest.fixture
def operator() -> Client:
    return operator_client()


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Müller & Söhne", "muller-sohne"), ("  ACME, Inc. ", "acme-inc"), ("x" * 70, "x" * 63), ("東京", "")],
)
def test_a_short_name_is_made_of_a_name(name, slug):
    assert slug_of(name) == slug


def test_the_list_has_each_tenant_with_its_budget(operator):
    acme = make_tenant(name="Acme", slug="acme")
    services.set_budget(tenant=acme, name="monthly", limit_nanousd=250_000_000_000)

    body = body_of(operator.get("/console/tenants/"))

    assert "Acme" in body
    assert "$250.00" in body


@pytest.mark.parametrize("sort", ["name", "-spent", "spent", "-last_call_at", "active", "-created_at"])
def test_the_list_is_sorted_by_every_column(operator, sort):
    make_tenant(name="Acme")

    assert operator.get(f"/console/tenants/?sort={sort}").status_code == 200


def test_the_list_is_narrowed_to_the_suspended(operator):
    make_tenant(name="Awake")
    make_tenant(name="Asleep", active=False)

    body = body_of(operator.get("/console/tenants/?state=suspended"))

    assert "Asleep" in body
    assert "Awake" not in body


def test_the_list_asks_the_database_equally_often_for_one_and_for_twenty(operator, django_assert_max_num_queries):
    for _ in range(20):
        make_tenant()

    with django_assert_max_num_queries(14):
        assert operator.get("/console/tenants/").status_code == 200


def test_the_list_is_exported(operator):
    make_tenant(name="Acme")

    assert "Acme" in body_of(operator.get("/console/tenants/?format=csv"))


def test_a_tenant_is_created_with_its_owner_and_its_budget(operator, django_capture_on_commit_callbacks):
    form = {**NEW, "owner_email": "ada@example.org", "month_limit_nanousd": "250", "beyond_limit": "alert_only"}

    with django_capture_on_commit_callbacks(execute=True):
        answer = operator.post("/console/new-tenant/", form)

    assert answer.headers["Location"] == "/console/tenants/muller-sohne/"
    tenant = Tenant.objects.get(slug="muller-sohne")
    assert (tenant.time_zone, tenant.payload_storage) == ("Europe/Berlin", "redacted")
    budget = Budget.objects.for_tenant(tenant).get()
    assert (budget.limit_nanousd, budget.action) == (250_000_000_000, "alert_only")
    assert Invitation.objects.get(tenant=tenant).role == "owner"
    assert mail.outbox[0].to == ["ada@example.org"]
    kinds = AuditEntry.objects.filter(tenant_ref=str(tenant.pk)).values_list("object_type", flat=True)
    assert set(kinds) == {"tenant", "budget", "invitation"}


def test_a_new_tenants_page_says_what_to_do_next(operator):
    operator.post("/console/new-tenant/", NEW)

    body = body_of(operator.get("/console/tenants/muller-sohne/"))

    assert "Next steps" in body
    assert "Invite an owner" in body


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", "", "This field is required."),
        ("slug", "acme", "Another tenant has this short name already."),
        ("slug", "Not Short", "Write lower-case letters"),
        ("time_zone", "Mars/Olympus", "Select a valid choice"),
        ("owner_email", "nobody", "Enter a valid email address."),
        ("month_limit_nanousd", "-1", "greater than or equal to 0"),
        ("month_limit_nanousd", "0", "A budget is more than 0"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_made(operator, field, value, told):
    make_tenant(slug="acme")

    answer = operator.post("/console/new-tenant/", {**NEW, field: value})

    assert answer.status_code == 200
    assert told in body_of(answer)
    assert Tenant.objects.count() == 1


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_a_tenants_page_opens(operator, part):
    tenant = make_tenant(slug="acme")
    member(tenant)
    make_key(tenant, team=services.create_team(tenant=tenant, name="Search"))
    services.set_rate_limit(tenant=tenant, level="tenant", metric="requests", value=60)
    services.set_budget(tenant=tenant, name="monthly", limit_nanousd=1_000_000_000)

    answer = operator.get(f"/console/tenants/acme/{part}")

    assert answer.status_code == 200
    assert tenant.name in body_of(answer)


@pytest.mark.parametrize("part", [*PARTS, "edit/", "delete/"])
def test_a_tenant_that_there_is_not_is_not_found(operator, part):
    assert operator.get(f"/console/tenants/nobody/{part}").status_code == 404


def test_the_parts_show_nothing_of_other_tenants(operator):
    make_tenant(slug="acme")
    other = make_tenant(slug="omega")
    member(other, username="omega-owner")
    make_key(other, name="omega-key")

    for part in PARTS:
        assert "omega-" not in body_of(operator.get(f"/console/tenants/acme/{part}"))


def test_a_tenant_is_suspended_and_resumed(operator):
    make_tenant(slug="acme")

    operator.post("/console/tenants/acme/suspend/")
    assert not Tenant.objects.get(slug="acme").active
    operator.post("/console/tenants/acme/resume/")

    assert Tenant.objects.get(slug="acme").active
    assert AuditEntry.objects.filter(object_type="tenant", action="updated").count() == 2


def test_a_tenant_gets_another_short_name(operator):
    make_tenant(slug="acme", name="Acme")
    form = {"name": "Acme", "slug": "acme-eu", "time_zone": "UTC", "default_route": "", "redis_outage": "fail_open"}
    form["cache_max_mib"] = "256"

    answer = operator.post("/console/tenants/acme/edit/", form)

    assert answer.headers["Location"] == "/console/tenants/acme-eu/"


def test_a_tenant_is_deleted_only_by_its_name(operator):
    make_tenant(slug="acme")

    refused = operator.post("/console/tenants/acme/delete/", {"keep": "all", "slug": "acne"})
    assert "Type acme" in body_of(refused)
    operator.post("/console/tenants/acme/delete/", {"keep": "all", "slug": "acme"})

    assert not Tenant.objects.filter(slug="acme").exists()
    assert AuditEntry.objects.filter(object_type="tenant", action="deleted", object_name="acme").exists()


@pytest.mark.parametrize("path", ["tenants/", "tenants/acme/", "tenants/acme/audit/"])
def test_auditors_see_tenants(path):
    make_tenant(slug="acme")

    assert auditor_client().get(f"/console/{path}").status_code == 200


@pytest.mark.parametrize("path", ["new-tenant/", "tenants/acme/edit/", "tenants/acme/delete/"])
def test_auditors_change_no_tenant(path):
    make_tenant(slug="acme")

    assert auditor_client().get(f"/console/{path}").status_code == 403


@pytest.mark.parametrize("action", ["suspend", "resume", "delete"])
def test_owners_of_a_tenant_do_none_of_this(action):
    tenant = make_tenant(slug="acme")

    answer = client_of(member(tenant)).post(f"/console/tenants/acme/{action}/", {"keep": "all", "slug": "acme"})

    assert answer.status_code == 403
    assert Tenant.objects.get(slug="acme").active


def test_keys_of_a_deleted_tenant_are_gone(operator):
    tenant = make_tenant(slug="acme")
    key = make_key(tenant)

    operator.post("/console/tenants/acme/delete/", {"keep": "all", "slug": "acme"})

    with across_tenants("the tenant is gone"):
        assert not ApiKey.objects.filter(pk=key.pk).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("keep", "runs", "usage"), [("all", 1, 1), ("usage", 0, 1), ("nothing", 0, 0)])
def test_what_is_kept_of_a_deleted_tenants_calls_is_as_was_chosen(keep, runs, usage):
    from tests.isolation.planted import plant

    planted = plant("acme")
    owner = str(planted.tenant.pk)
    assert Run.objects.filter(tenant_id=owner).count() >= 1

    answer = operator_client().post(
        f"/console/tenants/{planted.tenant.slug}/delete/", {"keep": keep, "slug": planted.tenant.slug}
    )

    assert answer.status_code == 302, body_of(answer)
    with across_tenants("the tenant is gone"):
        assert bool(Run.objects.filter(tenant_id=owner).exists()) == bool(runs)
        assert bool(UsageRecord.objects.filter(tenant_id=owner).exists()) == bool(usage)
        assert bool(EventRecord.objects.filter(tenant_id=owner).exists()) == bool(runs)
        assert not Tenant.objects.filter(pk=uuid.UUID(owner)).exists()
