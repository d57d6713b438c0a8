"""The dry run in a real browser."""

from __future__ import annotations

from tests.browser.signed_in import browser_test
from tests.tenants.factories import make_operator

pytestmark = browser_test


def test_an_operator_asks_where_a_request_goes_and_why(open_as, assert_accessible, answering):
    page = open_as(make_operator(), "/console/dry-run/?tenant=acme&model=default", width=390)

    page.get_by_role("button", name="Where would it go?").click()

    page.get_by_text("It goes to sandbox/sandbox-small over the route “default”").wait_for()
    page.get_by_text("Tried as number 2").wait_for()
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
