"""The readable pages of the OpenAPI document, in a real browser under their own content policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.chromium import CHROMIUM, chromium

REDOCS_OWN_LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"
"""Redoc cannot be told to leave it out; the policy keeps browsers from telling its server who reads."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium"),
]


@pytest.fixture
def page() -> Iterator[Any]:
    """A page that fails the test for whatever it complains about: a script that the policy forbids is one."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        # Both draw the whole document, and take their time on a busy machine.
        page.set_default_timeout(60_000)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
    assert [complaint for complaint in complaints if REDOCS_OWN_LOGO not in complaint] == []


def test_the_documentation_shows_operations_and_what_they_take(page: Any, live_server: Any) -> None:
    page.goto(f"{live_server.url}/api/docs")
    page.locator(".operation-filter-input").fill("Invitations")
    operation = page.locator(".opblock", has_text="/api/v1/invitations/{id}/resend")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_text("If-Match", exact=True).first.wait_for()
    operation.get_by_text("The mail is sent again").wait_for()


def test_redoc_shows_operations(page: Any, live_server: Any) -> None:
    page.goto(f"{live_server.url}/api/redoc")
    page.get_by_role("heading", name="Send an invitation again").wait_for()
