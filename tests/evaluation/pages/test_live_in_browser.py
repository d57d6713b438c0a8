"""Live evaluation in a browser, on a desk and on a phone at night."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evaluation.live.taking import note_losses
from evaluation.models import LiveEvaluation
from routing.services import create_route
from tenants.models import Tenant
from tests.browser.signed_in import browser_test
from tests.evaluation.golden_rows import make_evaluator
from tests.evaluation.live.live_calls import make_live, plant_score
from tests.tenants.factories import make_operator

pytestmark = browser_test


@pytest.fixture
def scored(acme: Tenant) -> LiveEvaluation:
    """A live evaluation with a day of scores that fell in the afternoon."""
    make_evaluator(acme, "toxicity", "No insults")
    create_route(tenant=acme, name="chat", targets=[])
    row = make_live(acme, name="Answers to customers", tags={"app": "shop"}, rate=0.05)
    now = datetime.now(UTC)
    for place in range(60):
        at = int((now - timedelta(minutes=20 * place)).timestamp() * 1000)
        value = 0.4 if 10 < place < 20 else 0.95
        question = f"How do I change the address of order {place}, which is on its way already?"
        plant_score(row, value, run_id=f"req_{place:032x}", at_ms=at, question=question, route="chat")
    note_losses(acme.pk, {"full": 12})
    return row


def shoot(page: Any, name: str) -> None:
    """For whoever wants to look."""
    if os.environ.get("SHOTS"):
        page.screenshot(path=f"{os.environ['SHOTS']}/{name}.png", full_page=True)


def test_scores_are_seen_over_time_with_the_lowest_first(open_as, assert_accessible, scored: LiveEvaluation):
    page = open_as(make_operator(), f"/t/acme/live-evaluation/{scored.pk}/")
    page.get_by_role("link", name="Last 7 days").click()
    page.get_by_role("heading", name="Not scored").wait_for()
    page.get_by_text("Mean score").first.wait_for()

    shoot(page, "live")
    assert_accessible(page)


def test_on_a_phone_at_night_all_of_it_fits(open_as, assert_accessible, scored: LiveEvaluation):
    page = open_as(make_operator(), f"/t/acme/live-evaluation/{scored.pk}/", width=390, theme="dark")
    page.get_by_text("Mean score").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    shoot(page, "live-phone")
    assert_accessible(page)

    page.goto(page.url + "edit/")
    page.get_by_label("Share of the calls, percent").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    shoot(page, "live-form-phone")
    assert_accessible(page)
