"""Routes in a real browser: designed with the keyboard, seen before it is saved, undone."""

from __future__ import annotations

import pytest

from routing.models import Route
from routing.services import TargetChoice, create_route
from tests.browser.signed_in import browser_test
from tests.routing.pages.route_rows import make_models
from tests.tenants.factories import make_operator

pytestmark = browser_test


@pytest.mark.parametrize(("width", "theme"), [(390, "dark")])
def test_an_operator_designs_a_route_and_sees_what_it_does_before_saving(open_as, assert_accessible, width, theme):
    make_models("large", "small")
    page = open_as(make_operator(), "/console/routes/new/", width=width, theme=theme)

    page.get_by_label("Name", exact=True).fill("chat")
    page.get_by_label("Model").first.select_option(label="upstream/large")
    page.get_by_role("button", name="Add a target").click()
    added = page.locator("[data-target-row]").nth(1)
    added.get_by_label("Model").select_option(label="upstream/small")
    added.get_by_label("Weight").fill("3")
    plan = page.get_by_role("list", name="The order in which targets are tried").last
    plan.get_by_text("Step 2").wait_for()
    added.get_by_label("Model").press("Alt+ArrowUp")

    plan.get_by_text("75%").wait_for()
    assert page.locator("[data-share]").all_inner_texts() == ["25%", "75%"]
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Create the route").click()

    page.get_by_role("heading", name="chat").wait_for()
    assert_accessible(page)
    targets = Route.objects.get(name="chat").targets.order_by("weight")
    assert list(targets.values_list("model__name", "priority", "weight")) == [("large", 0, 1), ("small", 0, 3)]


def test_a_change_is_compared_saved_and_undone(open_as, assert_accessible):
    large, small = make_models("large", "small")
    route = create_route(name="chat", targets=[TargetChoice(model=large), TargetChoice(model=small, priority=1)])
    page = open_as(make_operator(), f"/console/routes/{route.pk}/edit/")

    page.get_by_role("radio", name="By weight").check()
    page.get_by_text("Strategy", exact=True).wait_for()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("“chat” is changed.").wait_for()
    assert Route.objects.get().strategy == "weighted"

    page.get_by_role("link", name="History").click()
    page.get_by_text("Changed by").wait_for()
    assert_accessible(page)
    page.get_by_role("link", name="Undo this change").click()
    page.get_by_role("deletion").get_by_text("By weight").wait_for()
    page.get_by_role("button", name="Restore this version").click()
    page.get_by_text("“chat” is changed.").wait_for()
    assert Route.objects.get().strategy == "priority"


def test_the_cache_section_asks_for_what_the_mode_needs_and_is_saved(open_as, assert_accessible):
    [model] = make_models("small")
    route = create_route(name="chat", targets=[TargetChoice(model=model)])
    page = open_as(make_operator(), f"/console/routes/{route.pk}/edit/")

    page.get_by_role("heading", name="Cache").click()
    mode, confidence = page.get_by_label("Answers that are kept"), page.get_by_label("Confidence for other words")
    assert not page.get_by_label("Most answers").is_visible()
    mode.select_option(label="Calls that ask exactly the same")
    assert page.get_by_label("Most answers").is_visible()
    assert not confidence.is_visible()
    mode.select_option(label="Also questions that mean the same")
    confidence.fill("93")
    page.get_by_text("Confidence for other words", exact=True).last.wait_for()
    assert_accessible(page)
    page.get_by_role("button", name="Save").click()

    page.get_by_role("heading", name="Questions in other words").wait_for()
    assert_accessible(page)
    route.refresh_from_db()
    assert (route.cache_mode, route.cache_confidence_percent) == ("semantic", 93)
