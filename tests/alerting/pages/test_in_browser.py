"""What people do on these pages in a browser."""

from __future__ import annotations

import os

import pytest

from alerting import services
from alerting.channel_services import create_channel
from alerting.incident_rows import EscalationPolicy
from tests.alerting.alert_rows import Minutes, incidents_of, make_rule
from tests.browser.signed_in import browser_test
from tests.tenants.factories import make_operator

pytestmark = browser_test


@pytest.fixture
def in_use(acme, minutes: Minutes):
    """A tenant with an incident, an objective, channels and an escalation."""
    make_rule(acme, name="Too many errors", description="Look at the provider's status page, then switch the route.")
    make_rule(acme, name="Slow answers", signal="latency_p95", threshold=4_000.0, severity="warning")
    services.create_slo_with_rule(tenant=acme, name="Answers", objective=0.98)
    slow = {"kind": "latency", "limit": 4_000.0, "objective": 0.95}
    services.create_slo(tenant=acme, name="Fast enough", description="Promised to the shop.", **slow)
    mail, _ = create_channel(tenant=acme, kind="email", name="On call", address="oncall@example.org")
    create_channel(tenant=acme, kind="webhook", name="Status page", address="https://hooks.example.org/alerts")
    steps = [{"after_minutes": 10, "channels": [str(mail.pk)]}]
    services.save_escalation(policy=EscalationPolicy(tenant=acme, name="Nights"), steps=steps)
    minutes.many(0, 14, errors=1, cost_nanousd=90_000_000)
    minutes.many(14, 24, errors=20, bucket=105)
    minutes.many(24, 29, errors=1)
    for minute in (10, 18, 23):
        minutes.check(minute)
    return acme


def test_an_incident_is_acknowledged_and_noted(open_as, assert_accessible, in_use):
    (incident,) = incidents_of(in_use)
    page = open_as(make_operator(), f"/t/acme/incidents/{incident.pk}/")
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_text("nobody further is told").wait_for()
    page.get_by_label("Note").fill("Their EU region is down.")
    page.get_by_role("button", name="Add a note").click()
    page.locator(".event-note", has_text="Their EU region is down.").wait_for()

    assert_accessible(page)
    shoot(page, "incident")


def test_a_rule_shows_what_it_would_have_done_while_it_is_written(open_as, assert_accessible, in_use):
    page = open_as(make_operator(), "/t/acme/alerts/new/", width=390, theme="dark")
    page.get_by_label("Name").fill("Half of all calls fail")
    page.get_by_label("Limit", exact=True).fill("30")
    page.get_by_text("It would have fired").wait_for()

    assert_accessible(page)
    shoot(page, "rule-form")


def shoot(page, name: str) -> None:
    """For whoever wants to look."""
    if os.environ.get("SHOTS"):
        page.screenshot(path=f"{os.environ['SHOTS']}/{name}.png", full_page=True)
