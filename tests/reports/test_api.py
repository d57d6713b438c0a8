"""Reports over the management API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from reports.models import Report, ReportDelivery, ReportSchedule
from reports.tasks import make_report
from tenants.models import Tenant
from tenants.service_keys import create_service_key
from tests.reports.conftest import make_member, make_schedule
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db
HERE = "/api/v1/reports"


@pytest.fixture
def ask(acme: Tenant):
    """``ask(method, path, body)``: the status and JSON that a service key of Acme gets."""
    _, key = create_service_key(name="pipeline", tenant=acme, scopes=("manage",))
    client = Client(headers={"authorization": f"Bearer {key}"})

    def asked(method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        response = getattr(client, method)(f"{HERE}/{path}", body, content_type="application/json")
        return response.status_code, response.json() if response.content else None

    return asked


def test_a_schedule_is_made_changed_and_deleted(ask, acme: Tenant, mailbox, ann):
    body = {
        "name": "Monday", "kind": "weekly", "every": "weekly", "weekday": 0, "hour": 7, "sections": ["traffic"],
        "channels": [str(mailbox.pk)], "members": ["ann"],
    }  # fmt: skip

    status, made = ask("post", "schedules", body)

    assert (status, made["recipients"], made["sections"]) == (201, ["On call", "ann"], ["traffic"])
    assert made["next_at"].endswith(("05:00:00Z", "06:00:00Z", "06:00:00.000Z")), "Seven in Berlin."
    status, changed = ask("patch", f"schedules/{made['id']}", {"members": [], "enabled": False})
    assert (status, changed["recipients"], changed["next_at"]) == (200, ["On call"], None)
    assert ask("delete", f"schedules/{made['id']}")[0] == 204
    assert not ReportSchedule.objects.filter(tenant=acme).exists()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"every": "cron", "cron": "* * * * *"}, "At most once an hour"),
        ({"sections": ["weather"]}, "not a valid choice"),
        ({"members": ["nobody"]}, "Nobody here is called"),
        ({"members": ["eve"]}, "members with an e-mail address"),
    ],
)
def test_what_is_not_valid_is_refused_with_the_reason(ask, acme: Tenant, wrong: dict, told: str):
    make_member(make_tenant(slug="other"), "eve", "owner")

    status, answer = ask("post", "schedules", {"name": "x", **wrong})

    assert status in (400, 422)
    assert told in str(answer)


def test_a_report_is_asked_for_read_and_sent(ask, acme: Tenant, weekly):
    status, asked = ask("post", "reports", {"schedule_id": str(weekly.pk)})
    assert (status, asked["state"], asked["content"]) == (201, "waiting", None)
    assert ask("post", f"reports/{asked['id']}/send")[0] in (400, 422), "It is not made yet."
    make_report(asked["id"])

    status, read = ask("get", f"reports/{asked['id']}")

    assert (status, read["state"], read["content"]["owner"]) == (200, "made", "Acme")
    assert ask("post", f"reports/{asked['id']}/send") == (200, {"recipients": 2})
    assert ReportDelivery.objects.filter(tenant=acme).count() == 2
    assert [one["id"] for one in ask("get", "reports")[1]["data"]] == [asked["id"]]


def test_reports_of_others_are_not_there(ask, acme: Tenant):
    other = make_schedule(make_tenant(slug="other"))

    assert ask("get", f"schedules/{other.pk}")[0] == 404
    assert ask("post", "reports", {"schedule_id": str(other.pk)})[0] in (400, 404, 422)
    assert not Report.objects.filter(tenant=other.tenant).exists()
