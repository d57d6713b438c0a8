"""Runs and the audit log over the management API: found, hidden from whom they are no business of, exported."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from rest_framework.test import APIClient

from events.models import QuarantinedEvent, Run, RunState
from tenants.audit import AuditEntry
from tenants.models import Membership, Tenant
from tests.tenants.factories import make_team, make_tenant, make_user
from tests.tenants.rest.callers import caller, error_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]


def make_run(tenant: Tenant, number: int = 1, **fields: Any) -> Run:
    return Run.objects.create(
        **{
            "correlation_id": f"req_{tenant.slug}_{number}",
            "tenant_id": str(tenant.pk),
            "trace_id": "0" * 32,
            "state": RunState.COMPLETED,
            "started_at": datetime(2026, 1, 1, 12, number, tzinfo=UTC),
            "cost_nanousd": 1_000,
            **fields,
        }
    )


def member(tenant: Tenant, role: str) -> APIClient:
    user = make_user()
    Membership(user=user, tenant=tenant, role=role).save()
    client = APIClient()
    client.force_login(user)
    return client


def test_runs_are_listed_newest_first_and_filtered() -> None:
    tenant = make_tenant()
    make_run(tenant, 1), make_run(tenant, 2, state=RunState.FAILED), make_run(make_tenant(), 3)
    client = caller(tenant)
    assert [run["started_at"][14:16] for run in client.get("/api/v1/runs").json()["data"]] == ["02", "01"]
    failed = client.get("/api/v1/runs", {"state": "failed"}).json()["data"]
    assert [run["state"] for run in failed] == ["failed"]
    early = client.get("/api/v1/runs", {"started_before": "2026-01-01T12:02:00Z"}).json()["data"]
    assert len(early) == 1


def test_one_run_is_told_with_all_that_is_known_of_it() -> None:
    tenant = make_tenant()
    run = make_run(tenant)
    read = caller(tenant).get(f"/api/v1/runs/{run.pk}").json()
    assert read["cost"]["nanousd"] == 1_000
    assert read["events"] == []
    assert caller(make_tenant()).get(f"/api/v1/runs/{run.pk}").status_code == 404


def test_costs_are_for_those_who_may_see_them() -> None:
    tenant = make_tenant()
    run = make_run(tenant)
    viewer, developer = member(tenant, "viewer"), member(tenant, "developer")
    assert "cost_nanousd" in developer.get("/api/v1/runs").json()["data"][0]
    assert "cost_nanousd" not in viewer.get("/api/v1/runs").json()["data"][0]
    assert "cost" not in viewer.get(f"/api/v1/runs/{run.pk}").json()


def test_runs_are_none_of_billings_business() -> None:
    assert member(make_tenant(), "billing").get("/api/v1/runs").status_code == 403


def test_quarantined_lines_are_the_platforms() -> None:
    QuarantinedEvent.objects.create(
        digest="a" * 64, reason="unknown_type", detail="x", source="bus", line=b"secret", received_at=datetime.now(UTC)
    )
    shown = caller().get("/api/v1/quarantined-events").json()["data"]
    assert [row["reason"] for row in shown] == ["unknown_type"]
    assert "secret" not in str(shown)
    assert caller(make_tenant()).get("/api/v1/quarantined-events").json()["data"] == []


def test_the_audit_log_is_exported_for_one_tenant_and_says_so() -> None:
    mine, other = make_team(), make_team()
    response = caller(mine.tenant).get("/api/v1/audit-entries/export", {"object_type": "team"})
    lines = [msgspec.json.decode(line) for line in b"".join(response).splitlines()]
    assert [line["object_id"] for line in lines] == [str(mine.pk)]
    assert str(other.pk) not in str(lines)
    noted = AuditEntry.objects.filter(action="exported").get()
    assert (noted.tenant_ref, noted.actor[:12]) == (str(mine.tenant_id), "service-key:")


def test_the_audit_log_is_exported_as_csv() -> None:
    team = make_team()
    response = caller(team.tenant).get("/api/v1/audit-entries/export", {"format": "csv"})
    assert response.headers["content-type"].startswith("text/csv")
    assert "attachment" in response.headers["content-disposition"]
    assert b"".join(response).startswith(b"sequence,at,actor")


def test_who_acts_for_several_tenants_names_the_one_to_export() -> None:
    one, two = make_tenant(), make_tenant()
    user = make_user()
    for tenant in (one, two):
        Membership(user=user, tenant=tenant, role="admin").save()
    client = APIClient()
    client.force_login(user)
    refused = client.get("/api/v1/audit-entries/export")
    assert refused.status_code == 400
    assert error_of(refused)["param"] == "tenant_id"
    assert client.get("/api/v1/audit-entries/export", {"tenant_id": str(one.pk)}).status_code == 200


def test_audit_entries_are_found_by_words() -> None:
    tenant = make_tenant()
    make_team(tenant, name="Search Platform"), make_team(tenant, name="Checkout")
    found = caller(tenant).get("/api/v1/audit-entries", {"words": "platform", "object_type": "team"}).json()["data"]
    assert [entry["after"]["name"] for entry in found] == ["Search Platform"]


def test_a_developer_reads_no_audit_log() -> None:
    client = member(make_tenant(), "developer")
    assert client.get("/api/v1/audit-entries").status_code == 403
    assert client.get("/api/v1/audit-entries/export").status_code == 403
