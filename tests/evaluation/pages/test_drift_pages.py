"""Pages of drift monitors."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.test import Client
from django.utils import timezone

from evaluation.models import DriftCheck, DriftFinding, DriftMonitor, DriftState
from tenants.models import Tenant
from tests.evaluation.drift.planted_calls import HOUR, calls, found_in, looked, monitor_of, samples, usual
from tests.evaluation.pages.conftest import body
from tests.tenants.factories import make_operator, make_tenant
from tests.tenants.pages.people import client_of

pytestmark = pytest.mark.django_db
SENT = {
    "name": "Support",
    "signals": ["latency", "failures"],
    "window_minutes": 60,
    "reference": "previous",
    "periods": 1,
    "least_values": 100,
    "level": "0.05",
    "every_minutes": 60,
    "confirm": 1,
    "severity": "",
    "enabled": "on",
    "effect_latency": "15",
}


@pytest.fixture(autouse=True)
def _nothing_is_sent():
    with patch("alerting.tasks.deliver.apply_async"):
        yield


def slow(chance):
    return {**usual(chance), "duration_ms": float(chance.lognormal(7.4, 0.5))}


def two_hours(tenant: Tenant):
    """An hour of usual calls and one of slow ones, up to now; when that is."""
    now = timezone.now().replace(second=0, microsecond=0)
    calls(tenant, 200, now - 2 * HOUR, now - HOUR, seed=1)
    calls(tenant, 200, now - HOUR, now, seed=2, fields=slow)
    return now


def found(tenant: Tenant, **fields) -> tuple[DriftMonitor, DriftFinding]:
    """A monitor that has looked, and what it says of latencies."""
    now = two_hours(tenant)
    monitor = monitor_of(tenant, signals=["latency", "cost"], segment_by="route", **fields)
    looked(monitor, now - timedelta(minutes=5))
    check = looked(monitor, now)
    return monitor, found_in(check)["latency", ""]


def test_a_monitor_is_made_changed_switched_and_deleted(developer: Client, acme: Tenant):
    assert "No drift monitors yet" in body(developer.get("/t/acme/drift/"))
    assert "Which calls" in body(developer.get("/t/acme/drift/new/"))

    developer.post("/t/acme/drift/new/", SENT)

    monitor = DriftMonitor.objects.for_tenant(acme).get()
    assert (monitor.signals, monitor.least_effects) == (["latency", "failures"], {"latency": 0.15})
    page = f"/t/acme/drift/{monitor.pk}/"
    assert "It has not looked yet" in body(developer.get(page))
    assert 'value="15.0"' in body(developer.get(f"{page}edit/"))
    developer.post(f"{page}edit/", {**SENT, "name": "Renamed", "effect_latency": ""})
    developer.post(f"{page}switch/")
    monitor.refresh_from_db()
    assert (monitor.name, monitor.enabled, monitor.least_effects) == ("Renamed", False, {})
    assert "Off" in body(developer.get("/t/acme/drift/"))
    developer.post(f"{page}delete/")
    assert not DriftMonitor.objects.for_tenant(acme).exists()


def test_what_is_missing_is_said_beside_its_field_and_what_was_typed_stays(developer: Client, acme: Tenant):
    shown = body(developer.post("/t/acme/drift/new/", {**SENT, "reference": "fixed", "segment_by": "tag"}))

    assert "Say which tag." in shown
    assert 'value="Support"' in shown
    assert not DriftMonitor.objects.for_tenant(acme).exists()


def test_a_preview_says_what_it_would_find_and_keeps_nothing(developer: Client, acme: Tenant):
    two_hours(acme)

    shown = body(developer.post("/t/acme/drift/new/", {**SENT, "name": ""}, headers={"X-Preview": "1"}))

    assert "Drift found" in shown
    assert "Latency: median" in shown
    assert "Failures" in shown
    assert not DriftMonitor.objects.for_tenant(acme).exists()


def test_the_list_and_the_page_show_what_moved(developer: Client, acme: Tenant):
    monitor, finding = found(acme)

    listed = body(developer.get("/t/acme/drift/"))
    page = body(developer.get(f"/t/acme/drift/{monitor.pk}/"))

    assert "Drifted" in listed
    assert "2 of 4" in " ".join(listed.split())
    assert "What moved" in page
    assert "Latency: median" in page
    assert f"/t/acme/drift/{monitor.pk}/findings/{finding.pk}/" in page
    assert "support" in page
    assert "Difference, as a multiple of what matters" in page
    earlier = DriftCheck.objects.for_tenant(acme).order_by("pk")[0]
    assert "an earlier look" in body(developer.get(f"/t/acme/drift/{monitor.pk}/?look={earlier.pk}"))
    assert developer.get(f"/t/acme/drift/{monitor.pk}/?look={monitor.pk}").status_code == 404


def test_a_finding_shows_both_distributions_the_test_and_the_calls(developer: Client, acme: Tenant):
    monitor, finding = found(acme)

    shown = body(developer.get(f"/t/acme/drift/{monitor.pk}/findings/{finding.pk}/"))

    assert "Kolmogorov–Smirnov test" in shown
    assert "p, corrected for 4 tests" in shown
    assert shown.count('class="fill-brand" x=') == 16
    assert "More than chance" in shown
    for example in finding.examples:
        assert f"/t/acme/requests/{example['id']}/" in shown


def test_texts_of_examples_are_for_who_may_read_them(as_member, acme: Tenant):
    now = timezone.now().replace(second=0, microsecond=0)
    samples(acme, 200, now - 2 * HOUR, now - HOUR, seed=1, input_text="How do I pay?")
    samples(acme, 150, now - HOUR, now, seed=2, share_of_new=0.4, input_text="Where is my parcel?")
    monitor = monitor_of(acme, signals=["input_meaning"])
    finding = found_in(looked(monitor, now))["input_meaning", ""]
    page = f"/t/acme/drift/{monitor.pk}/findings/{finding.pk}/"

    assert "Where is my parcel?" in body(as_member("developer").get(page))
    viewer = body(as_member("viewer").get(page))
    assert "Where is my parcel?" not in viewer
    assert "Your role does not see texts." in viewer


def test_costs_are_for_who_may_see_them(as_member, acme: Tenant):
    monitor, _ = found(acme)
    check = DriftCheck.objects.for_tenant(acme)[0]
    cost = found_in(check)["cost", ""]
    viewer = as_member("viewer")

    page = body(viewer.get(f"/t/acme/drift/{monitor.pk}/"))

    assert f"findings/{cost.pk}/" not in page
    assert viewer.get(f"/t/acme/drift/{monitor.pk}/findings/{cost.pk}/").status_code == 404
    assert f"findings/{cost.pk}/" in body(as_member("developer").get(f"/t/acme/drift/{monitor.pk}/"))


def test_who_may_only_look_changes_nothing(as_member, acme: Tenant):
    monitor = monitor_of(acme)
    viewer = as_member("viewer")

    assert viewer.get("/t/acme/drift/new/").status_code == 403
    for action in ("edit", "switch", "look", "delete"):
        assert viewer.post(f"/t/acme/drift/{monitor.pk}/{action}/").status_code == 403
    assert DriftMonitor.objects.for_tenant(acme).count() == 1


def test_look_now_lets_the_next_round_look(developer: Client, acme: Tenant):
    monitor = monitor_of(acme)
    DriftState.objects.for_tenant(acme).update(next_look_at=timezone.now() + timedelta(days=1))

    developer.post(f"/t/acme/drift/{monitor.pk}/look/")

    assert DriftState.objects.for_tenant(acme).get().next_look_at <= timezone.now()


def test_operators_see_monitors_of_all_tenants(acme: Tenant, settings):
    settings.REQUIRE_MFA_FOR_OPERATORS = False
    monitor, finding = found(acme)
    monitor_of(make_tenant(slug="other", name="Other"), name="Elsewhere")
    operator = client_of(make_operator())

    listed = body(operator.get("/console/drift/"))

    assert "Support" in listed
    assert "Elsewhere" in listed
    assert "What moved" in body(operator.get(f"/console/drift/{monitor.pk}/"))
    body(operator.get(f"/console/drift/{monitor.pk}/findings/{finding.pk}/"))
    body(operator.get(f"/console/drift/{monitor.pk}/edit/"))
