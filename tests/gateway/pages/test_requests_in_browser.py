"""Finding a request, looking at it and reading it as a story, in a real browser."""

from __future__ import annotations

from datetime import timedelta

import pytest

from events.models import RunState
from tests.browser.signed_in import browser_test
from tests.gateway.pages.runs import ANSWER, PROMPT, keep, kept_events, make_run, story_events
from tests.tenants.factories import make_operator, make_tenant

__all__ = ["kept_events"]

pytestmark = browser_test


@pytest.fixture
def acme():
    return make_tenant(slug="acme", name="Acme", payload_storage="stored")


def test_a_failed_request_is_found_by_filters_and_explained(open_as, assert_accessible, acme, kept_events):
    for number in range(60):
        make_run(acme, ago=timedelta(minutes=10 + number))
    failed = make_run(acme, state=RunState.FAILED, error_code="PROVIDER_TIMEOUT", http_status=504, end_user="ana")
    keep(story_events(failed, prompt=PROMPT, answer=ANSWER))
    page = open_as(make_operator(), "/console/requests/")
    page.locator("#requests-histogram canvas").wait_for()

    page.get_by_role("search").get_by_label("Status", exact=True).select_option("failed")
    page.locator(".chip", has_text="Failed").wait_for()

    assert "status=failed" in page.url
    page.locator("#requests-histogram").get_by_text("1 request", exact=True).wait_for()
    page.locator("tr[data-row-url]").first.click()
    page.get_by_text("Fallback to openai/gpt-mini").wait_for()
    page.get_by_text("It is 42 metres high.").first.wait_for()
    assert_accessible(page)


def test_dragging_across_the_histogram_narrows_the_time(open_as, acme):
    make_run(acme, ago=timedelta(hours=12))
    make_run(acme, ago=timedelta(minutes=5))
    page = open_as(make_operator(), "/console/requests/")
    over = page.locator("#requests-histogram .u-over")
    over.wait_for()
    box = over.bounding_box()

    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 40, steps=5)
    page.mouse.up()

    page.wait_for_url("**/requests/?from=*")
    assert page.locator("tr[data-row-url]").count() == 1
