"""Pages in a real Chromium: one browser per module, a fresh context per test, complaints of the page fail the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tests.browser.chromium import CHROMIUM, chromium

AXE = "/static/vendored/axe.js"
SEVERE = {"serious", "critical"}
OF_NO_WEIGHT = """Object.fromEntries(axe._audit.rules
    .filter(rule => ["minor", "moderate"].includes(rule.impact)).map(rule => [rule.id, { enabled: false }]))"""
"""Rules, as axe takes them, that find nothing in :data:`SEVERE`: what a rule finds has the rule's own impact."""
STILL = """async () => {
    // What a page asks for once it is there belongs to it; charts are drawn in the frame after.
    const frame = () => new Promise(requestAnimationFrame);
    await frame();
    do await frame(); while (document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling"));
    await frame();
    // What fades in has no contrast yet; what turns for ever is not waited for.
    const ends = animation => animation.effect?.getComputedTiming().endTime < Infinity;
    await Promise.allSettled(document.getAnimations().filter(ends).map(animation => animation.finished));
}"""
"""Wait until the page is as it stays."""

browser_test = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium"),
]
"""``pytestmark = browser_test`` in modules that use these fixtures."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for all tests of the module: while Playwright's loop runs in this thread, no other can."""
    with chromium() as running:
        yield running


@pytest.fixture
def open_as(browser: Any, live_server: Any, settings: Any) -> Iterator[Callable[..., Any]]:
    """``open_as(user, path, width=1280, theme="light")``: a page of somebody who is signed in.

    Whatever the page writes to its console as an error, and each request that fails, fails the test.
    """
    settings.REQUIRE_MFA_FOR_OPERATORS = False
    complaints: list[str] = []
    contexts: list[Any] = []

    def open_page(user: Any, path: str, *, width: int = 1280, theme: str = "light") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, base_url=live_server.url
        )
        contexts.append(context)
        context.add_cookies([session_cookie(user, live_server.url)])
        page = context.new_page()
        page.set_default_timeout(10_000)
        # What serves tests has no WebSockets; the live connection has tests of its own.
        page.route_web_socket("**/v1/ws*", lambda _socket: None)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == [], complaints


def session_cookie(user: Any, url: str) -> dict[str, str]:
    """The cookie of a new session of this user."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": url}


@pytest.fixture
def assert_accessible() -> Callable[[Any], None]:
    """``assert_accessible(page)``: axe-core finds nothing serious or critical on the page once it is still."""

    def check(page: Any) -> None:
        page.add_script_tag(url=AXE)
        page.evaluate(STILL)
        found = page.evaluate(f"axe.run({{ resultTypes: ['violations'], rules: {OF_NO_WEIGHT} }})")["violations"]
        wrong = [
            f"{one['impact']} {one['id']}: {node['target']} {node.get('failureSummary', '')}"
            for one in found
            if one["impact"] in SEVERE
            for node in one["nodes"]
        ]
        assert wrong == [], "\n".join(wrong)

    return check
