"""Caches among the settings of a tenant, and what operators say about them."""

from __future__ import annotations

import pytest

from tenants.audit import AuditEntry
from tests.tenants.factories import make_tenant
from tests.tenants.pages.people import body_of, client_of, member, operator_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant():
    return make_tenant(slug="acme", name="Acme")


def test_tools_are_declared_a_line_each(tenant, owner):
    owner.post("/t/acme/settings/caches/", {"cached_tools": "geocode: 3600\n\nmaps:route : 60\n"})
    tenant.refresh_from_db()
    assert tenant.cached_tools == {"geocode": 3_600, "maps:route": 60}
    assert "3,600 s" in body_of(owner.get("/t/acme/settings/"))
    assert "geocode: 3600" in body_of(owner.get("/t/acme/settings/caches/"))


@pytest.mark.parametrize("lines", ["geocode", "geocode: soon", "geocode: 0", ": 5", "a b: 5"])
def test_what_is_no_tool_with_seconds_is_explained(tenant, owner, lines):
    answer = owner.post("/t/acme/settings/caches/", {"cached_tools": lines})
    assert answer.status_code != 302
    tenant.refresh_from_db()
    assert tenant.cached_tools == {}


def test_all_caches_are_cleared_with_an_audit_entry(tenant, owner):
    owner.post("/t/acme/settings/caches/clear/")
    tenant.refresh_from_db()
    assert tenant.cache_generation == 1
    entry = AuditEntry.objects.filter(object_type="tenant", action="updated").get()
    assert entry.after == {"cache_generation": 1}


def test_only_who_may_change_settings_changes_caches(tenant):
    developer = client_of(member(tenant, "developer"))
    assert developer.get("/t/acme/settings/caches/").status_code == 403
    assert developer.post("/t/acme/settings/caches/clear/").status_code == 403


def test_operators_say_how_much_is_kept(tenant):
    client = operator_client()
    form = {"name": "Acme", "slug": "acme", "time_zone": "UTC", "default_route": "", "redis_outage": "fail_open"}
    client.post("/console/tenants/acme/edit/", {**form, "cache_max_mib": "1024"})
    tenant.refresh_from_db()
    assert tenant.cache_max_mib == 1_024
