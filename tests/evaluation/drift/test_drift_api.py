"""Drift monitors over the management API."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client

from evaluation.models import DriftMonitor, DriftState
from tenants.models import Tenant
from tenants.service_keys import create_service_key
from tests.evaluation.drift.planted_calls import HOUR, NOW, calls, looked, monitor_of, usual
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db
HERE = "/api/v1/evaluation/drift-monitors"


@pytest.fixture(autouse=True)
def _nothing_is_sent():
    with patch("alerting.tasks.deliver.apply_async"):
        yield


@pytest.fixture
def api(acme: Tenant):
    """``api(method, path, body)``: the answer that a service key of Acme gets."""
    _, key = create_service_key(name="ci", tenant=acme, scopes=("manage",))
    client = Client(headers={"authorization": f"Bearer {key}"})

    def asked(method: str, path: str = "", body: dict[str, Any] | None = None) -> Any:
        return getattr(client, method.lower())(f"{HERE}{path}", body, content_type="application/json")

    return asked


def slow(chance):
    return {**usual(chance), "duration_ms": float(chance.lognormal(7.4, 0.5))}


def test_a_monitor_is_made_read_changed_and_deleted(api, acme: Tenant):
    made = api("POST", body={"name": "Support", "signals": ["latency"], "least_effects": {"latency": 0.2}})

    assert made.status_code == 201, made.content
    row = made.json()
    assert (row["state"], row["window_minutes"], row["reference"]) == ("unknown", 1440, "daily")
    changed = api("PATCH", f"/{row['id']}", {"signals": ["latency", "cost"], "confirm": 3})
    assert changed.json()["signals"] == ["latency", "cost"]
    assert [one["name"] for one in api("GET").json()["data"]] == ["Support"]
    assert api("DELETE", f"/{row['id']}").status_code == 204
    assert not DriftMonitor.objects.for_tenant(acme).exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"signals": ["nothing"]}, "signals"),
        ({"signals": []}, "signals"),
        ({"signals": ["latency"], "segment_by": "tag"}, "segment_tag"),
        ({"signals": ["latency"], "least_effects": {"nothing": 0.1}}, "least_effects"),
        ({"signals": ["latency"], "window_minutes": 1}, "window_minutes"),
    ],
)
def test_what_is_not_valid_is_refused_with_the_field(api, body: dict, field: str):
    answer = api("POST", body={"name": "Support", **body})

    assert answer.status_code in (400, 422)
    assert field in answer.content.decode()


def test_the_last_look_is_read_with_words(api, acme: Tenant):
    calls(acme, 200, NOW - 2 * HOUR, NOW - HOUR, seed=1)
    calls(acme, 200, NOW - HOUR, NOW, seed=2, fields=slow)
    monitor = monitor_of(acme)
    assert api("GET", f"/{monitor.pk}/findings").json() == []
    looked(monitor)

    found = api("GET", f"/{monitor.pk}/findings").json()
    looks = api("GET", f"/{monitor.pk}/looks").json()

    assert [(one["signal"], one["drifted"]) for one in found] == [("latency", True)]
    assert found[0]["moved"].startswith("Latency: median")
    assert [(one["outcome"], one["tests"]) for one in looks] == [("drifted", 1)]
    assert api("GET", f"/{monitor.pk}").json()["state"] == "drifted"


def test_a_look_is_asked_for(api, acme: Tenant):
    monitor = monitor_of(acme)
    DriftState.objects.for_tenant(acme).update(next_look_at=NOW.replace(year=2100))

    assert api("POST", f"/{monitor.pk}/look").status_code == 200
    assert DriftState.objects.for_tenant(acme).get().next_look_at.year < 2100
    DriftMonitor.objects.for_tenant(acme).update(enabled=False)
    assert api("POST", f"/{monitor.pk}/look").status_code in (400, 422)


def test_monitors_of_another_tenant_are_unknown(api):
    other = monitor_of(make_tenant(slug="other", name="Other"))

    for path in ("", "/findings", "/looks"):
        assert api("GET", f"/{other.pk}{path}").status_code == 404
    assert api("POST", f"/{other.pk}/look").status_code == 404
