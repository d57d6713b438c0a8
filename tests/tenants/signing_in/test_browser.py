"""Signing in with a second factor in a real browser, under the pages' own content policy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.chromium import CHROMIUM, chromium, wait_for_cursor
from tests.tenants.factories import make_user
from tests.tenants.signing_in.people import PASSWORD, totp

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium"),
]


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of 390 px width that fails the test for whatever it complains about in its console."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
    assert complaints == []


def sign_in_with_keyboard(page: Any, root: str) -> None:
    page.goto(f"{root}/account/login/")
    # With the keyboard alone: the first field has the focus.
    wait_for_cursor(page, "login")
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


def sign_out(page: Any) -> None:
    """On the page that asks whether to; a page that is opened before it is done would call it off."""
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/account/login/")


def test_a_second_factor_is_set_up_and_used(page: Any, live_server: Any) -> None:
    make_user(username="ada", password=PASSWORD)
    sign_in_with_keyboard(page, live_server.url)
    page.get_by_role("link", name="Set up").click()
    page.get_by_role("link", name="Set up an authenticator app").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    assert page.get_by_role("img", name="QR code").evaluate("image => image.naturalWidth") > 0
    secret = page.get_by_label("Secret").input_value()
    page.get_by_label("Authenticator code").fill(totp(secret))
    page.get_by_role("button", name="Turn on").click()
    assert len(page.get_by_label("Unused codes").input_value().split()) == 10

    page.get_by_role("link", name="Sign out").click()
    sign_out(page)
    sign_in_with_keyboard(page, live_server.url)
    page.get_by_label("Code").fill(totp(secret, time.time() + 30))
    page.get_by_role("button", name="Sign in").click()

    page.wait_for_url(f"{live_server.url}/account/")
    assert page.get_by_role("heading", name="ada").is_visible()
    assert page.get_by_text("a code from your authenticator app").is_visible()


def test_pages_fit_a_phone(page: Any, live_server: Any) -> None:
    make_user(username="ada", password=PASSWORD)
    sign_in_with_keyboard(page, live_server.url)
    page.wait_for_url(f"{live_server.url}/account/")
    for path in ("/account/", "/account/2fa/", "/account/password/change/", "/account/logout/"):
        page.goto(f"{live_server.url}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
