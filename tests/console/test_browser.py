"""The shell and the kit in a real browser, under the pages' own content policy."""

from __future__ import annotations

import pytest

from tests.browser.signed_in import browser_test, session_cookie
from tests.tenants.factories import make_operator, make_tenant

pytestmark = browser_test

GUIDE = "/console/style-guide/"


@pytest.mark.parametrize(("width", "theme"), [(1280, "dark")])
def test_every_component_is_accessible_and_fits(open_as, assert_accessible, width, theme):
    make_tenant(name="Acme")

    page = open_as(make_operator(), GUIDE, width=width, theme=theme)
    page.locator(".chart-canvas canvas").first.wait_for()

    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_search_narrows_the_table_and_its_address(open_as):
    make_tenant(name="Acme")
    make_tenant(name="Globex")
    page = open_as(make_operator(), GUIDE)

    page.get_by_role("searchbox", name="Search tenants").fill("glob")

    page.get_by_text("1 tenant", exact=True).wait_for()
    assert "q=glob" in page.url
    page.get_by_role("link", name="Clear all").click()
    page.get_by_text("2 tenants", exact=True).wait_for()
    assert page.get_by_role("searchbox", name="Search tenants").input_value() == ""


def test_a_field_is_checked_when_it_is_left(open_as):
    page = open_as(make_operator(), GUIDE + "form/")

    page.get_by_label("Name").fill("taken")
    page.get_by_label("Requests per minute").focus()

    page.get_by_text("Another key has this name already.").wait_for()
    assert page.get_by_label("Name").get_attribute("aria-invalid") == "true"


def test_a_form_in_the_drawer_keeps_what_was_typed_and_then_saves(open_as):
    page = open_as(make_operator(), GUIDE)
    page.get_by_role("link", name="Open the form in the drawer").click()
    drawer = page.get_by_role("dialog", name="A form")

    drawer.get_by_label("Name").fill("taken")
    drawer.get_by_role("button", name="Create the key").click()
    drawer.get_by_text("One thing has to be mended").wait_for()
    assert drawer.get_by_label("Name").input_value() == "taken"
    drawer.get_by_label("Name").fill("mine")
    drawer.get_by_role("button", name="Create the key").click()

    page.get_by_text("The key “mine” would have been created.").wait_for()


def test_what_is_dangerous_is_done_only_after_the_name_is_typed(open_as):
    page = open_as(make_operator(), GUIDE)
    page.get_by_role("button", name="Revoke").first.click()
    dialog = page.get_by_role("dialog", name="Revoke “ci-runner”?")
    revoke = dialog.get_by_role("button", name="Revoke the key")

    assert revoke.is_disabled()
    dialog.get_by_label("Type ci-runner to go on").fill("ci-runner")

    assert revoke.is_enabled()


def test_the_navigation_of_a_phone_opens_takes_the_focus_and_gives_it_back(open_as):
    page = open_as(make_operator(), "/console/", width=390)
    opener = page.get_by_role("button", name="Open the navigation")

    opener.click()
    assert page.evaluate("document.getElementById('sidebar').contains(document.activeElement)")
    page.keyboard.press("Escape")

    assert page.evaluate("document.activeElement.hasAttribute('data-sidebar-open')")


def test_a_chosen_theme_stays(open_as):
    page = open_as(make_operator(), "/console/")

    page.get_by_text("Colours", exact=True).locator("..").click()
    page.get_by_role("button", name="Dark").click()
    page.reload()

    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"


def test_what_was_typed_is_not_left_behind_unasked_and_json_is_copied_as_it_is(open_as):
    page = open_as(make_operator(), GUIDE + "form/")
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.type))
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label("Name").fill("half")

    page.goto(GUIDE)

    assert asked == ["beforeunload"]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".json-view").get_by_role("button", name="Copy").click()
    page.locator(".json-view").get_by_text("Copied").wait_for()
    assert isinstance(page.evaluate("navigator.clipboard.readText().then(JSON.parse)"), dict)


def test_pages_work_without_script(browser, live_server, settings):
    settings.REQUIRE_MFA_FOR_OPERATORS = False
    make_tenant(name="Acme")
    make_tenant(name="Globex")
    context = browser.new_context(java_script_enabled=False, base_url=live_server.url)
    context.add_cookies([session_cookie(make_operator(), live_server.url)])
    page = context.new_page()
    page.goto("/console/tenants/")
    page.get_by_role("searchbox").fill("glob")
    page.keyboard.press("Enter")
    page.get_by_text("1 tenant", exact=True).wait_for()
    assert "q=glob" in page.url

    page.get_by_role("link", name="Create a tenant").first.click()
    page.get_by_label("Name", exact=True).fill("Initech")
    page.get_by_role("button", name="Create the tenant").click()

    page.get_by_role("heading", name="Next steps").wait_for()
    context.close()


def test_what_is_serious_to_a_reader_is_found(open_as, assert_accessible):
    page = open_as(make_operator(), GUIDE)
    page.evaluate("document.querySelector('main').append(new Image())")

    with pytest.raises(AssertionError, match="critical image-alt"):
        assert_accessible(page)
