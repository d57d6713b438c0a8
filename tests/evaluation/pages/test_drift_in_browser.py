"""What people do with drift monitors in a browser."""

from __future__ import annotations

import os
from unittest.mock import patch

import pytest
from django.utils import timezone

from evaluation.models import DriftFinding, DriftMonitor
from tests.browser.signed_in import browser_test
from tests.evaluation.drift.planted_calls import HOUR, calls, looked, monitor_of, samples, usual
from tests.tenants.factories import make_operator
from tests.tenants.pages.people import member

pytestmark = browser_test


@pytest.fixture
def in_use(acme):
    """Hours of calls to two routes, one of which has become slower, and a monitor that has looked at them."""
    now = timezone.now().replace(second=0, microsecond=0)
    slow = lambda chance: {**usual(chance), "duration_ms": float(chance.lognormal(7.3, 0.5))}  # noqa: E731
    for hour in range(1, 7):
        calls(acme, 150, now - (hour + 1) * HOUR, now - hour * HOUR, seed=hour)
        calls(acme, 120, now - (hour + 1) * HOUR, now - hour * HOUR, seed=20 + hour, route="billing")
    calls(acme, 150, now - HOUR, now, seed=50)
    calls(acme, 120, now - HOUR, now, seed=51, route="billing", fields=slow)
    samples(acme, 300, now - 2 * HOUR, now - HOUR, seed=1, input_text="How do I pay?", output_text="By card.")
    samples(acme, 150, now - HOUR, now, seed=2, share_of_new=0.3, input_text="Where is my parcel?")
    signals = ["latency", "cost", "output_length", "failures", "finish", "input_language", "input_meaning"]
    monitor = monitor_of(acme, signals=signals, segment_by="route", name="Support and billing")
    with patch("alerting.tasks.deliver.apply_async"):
        for hour in range(4, -1, -1):
            looked(monitor, now - hour * HOUR)
    return monitor


def test_what_moved_is_followed_from_the_list_to_the_calls(open_as, assert_accessible, in_use: DriftMonitor):
    page = open_as(make_operator(), "/console/drift/")
    assert_accessible(page)
    shoot(page, "drift-monitors")
    page.get_by_role("link", name="Support and billing").first.click()
    page.get_by_role("heading", name="What moved").wait_for()
    assert_accessible(page)
    shoot(page, "drift-monitor")
    page.get_by_role("link", name="Latency, Route billing").first.click()
    page.get_by_role("heading", name="Calls that moved").wait_for()
    assert_accessible(page)
    page.get_by_text("Show as a table").first.click()
    assert page.locator(".ev-bins rect").count() == 32
    shoot(page, "drift-finding")


def test_a_phone_shows_findings_without_being_scrolled_sideways(open_as, assert_accessible, in_use: DriftMonitor, acme):
    meaning = DriftFinding.objects.for_tenant(acme).filter(signal="input_meaning", segment="", drifted=True)[0]
    owner = member(acme, "owner")
    for address in (f"/t/acme/drift/{in_use.pk}/", f"/t/acme/drift/{in_use.pk}/findings/{meaning.pk}/"):
        page = open_as(owner, address, width=390, theme="dark")
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        shoot(page, f"drift-phone-{len(address)}")
    page.get_by_text("Where is my parcel?").first.wait_for()


def test_the_form_says_what_the_monitor_would_find_before_it_is_saved(open_as, assert_accessible, in_use, acme):
    page = open_as(member(acme, "developer"), "/t/acme/drift/new/")
    page.get_by_label("Name").fill("Latency by route")
    page.get_by_label("Also each by itself").select_option("route")
    page.get_by_label("The calls of the last").select_option("60")
    page.get_by_role("radio", name="What came right before").check()
    page.get_by_label("So many of them").fill("1")
    page.get_by_role("button", name="Look now").click()
    page.get_by_text("Drift found").wait_for()
    assert_accessible(page)
    shoot(page, "drift-form")

    page.get_by_role("button", name="Create the monitor").click()

    page.get_by_text("It has not looked yet").wait_for()
    assert DriftMonitor.objects.for_tenant(acme).filter(name="Latency by route", reference="previous").exists()


def shoot(page, name: str) -> None:
    """For whoever wants to look."""
    if os.environ.get("SHOTS"):
        page.screenshot(path=f"{os.environ['SHOTS']}/{name}.png", full_page=True)
