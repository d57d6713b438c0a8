"""The overview and the page about health in a real browser."""

from __future__ import annotations

import pytest

from tests.browser.signed_in import browser_test
from tests.controlplane.pages.traffic import calls, run
from tests.tenants.factories import make_operator, make_tenant

pytestmark = browser_test


@pytest.fixture
def acme(transactional_db):
    tenant = make_tenant(name="Acme", slug="acme")
    calls(tenant, 40, errors=2, refused=3, cost_nanousd=2_000_000_000)
    run(tenant)
    return tenant


def test_an_operator_goes_from_all_tenants_into_one_and_keeps_the_range(open_as, acme):
    page = open_as(make_operator(), "/console/?range=6h")
    page.locator("#requests-canvas .uplot").wait_for()

    page.get_by_role("link", name="Acme").first.click()

    page.get_by_role("heading", name="End users").wait_for()
    assert page.url.endswith("/t/acme/?range=6h")
    page.get_by_role("link", name="Errors", exact=True).click()
    page.wait_for_url("**by=errors**")
    assert "range=6h" in page.url


def test_an_event_changes_the_figures_and_leaves_the_page_as_it_is(open_as, acme):
    page = open_as(make_operator(), "/console/")
    page.locator("#requests-canvas .uplot").wait_for()
    page.get_by_text("Show as a table").first.click()
    page.get_by_role("link", name="Spend", exact=True).focus()
    page.evaluate("window.before = document.querySelector('#requests-canvas .uplot')")
    calls(acme, 60)

    page.evaluate("document.getElementById('overview').dispatchEvent(new CustomEvent('live'))")

    page.locator(".stat-value", has_text="100").wait_for()
    assert page.evaluate("window.before === document.querySelector('#requests-canvas .uplot')")
    assert page.evaluate("document.getElementById('requests-table').open")
    assert page.evaluate("document.activeElement.textContent") == "Spend"


def test_a_dragged_part_of_a_chart_and_a_form_become_the_range(open_as, acme):
    page = open_as(make_operator(), "/console/?range=6h&by=errors")
    plot = page.locator("#requests-canvas .u-over")
    plot.wait_for()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60, steps=5)
    page.mouse.up()
    page.wait_for_url("**from=*")
    assert "range=" not in page.url
    assert "by=errors" in page.url

    page.locator(".time-range summary").click()
    page.locator("#range-from").fill("2026-01-05T08:00")
    page.locator("#range-to").fill("2026-01-06T20:00")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**from=2026-01-05T08%3A00**")
    assert page.locator("#range-from").input_value() == "2026-01-05T08:00"
    page.get_by_text("No calls in this time").wait_for()
