"""From `make run` to a first call that one sees, in a real browser: at most five clicks and one paste.

What is done here is what README.md's quick start says. The same installation then serves a tenant's owner.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.browser.chromium import CHROMIUM, chromium, wait_for_cursor
from tests.business import business
from tests.stack.conftest import Fresh

pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium"),
]

MOST_CLICKS = 5
MOST_PASTES = 1
OWNER = """
from contracts.tenant_scope import across_tenants
from tenants import services
from tenants.models import Tenant, User
with across_tenants("the first one's owner"):
    owner = User.objects.create_user("ada", email="ada@example.org", password="correct horse battery")
    services.set_membership(user=owner, tenant=Tenant.objects.get(slug="demo"), role="owner")
"""


@pytest.fixture
def page() -> Iterator[Any]:
    """A browser that has never been here; what it complains of fails the test."""
    complaints: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "response",
            lambda answer: complaints.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
        )
        page.set_default_timeout(15_000 * business())
        yield page
    assert complaints == []


class Newcomer:
    """Somebody whose clicks and pastes are counted."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self.clicks = 0
        self.pastes = 0

    def click(self, element: Any) -> None:
        self.clicks += 1
        element.click()

    def type(self, text: str) -> None:
        """On the keyboard, wherever the cursor is."""
        self._page.keyboard.type(text)

    def paste(self, text: str) -> None:
        self.pastes += 1
        self._page.keyboard.insert_text(text)


def test_a_newcomer_sees_a_first_call_after_five_clicks_and_one_paste_at_most(fresh: Fresh, page: Any) -> None:
    somebody = Newcomer(page)
    shown = re.search(r"(http://\S+?)/\S*\s+user (\S+)\s+password (\S+)", fresh.up.text)
    assert shown is not None, fresh.up.text
    address, user, password = shown.groups()

    page.goto(address)
    # The cursor is in the first field already.
    wait_for_cursor(page, "login")
    somebody.type(user)
    page.keyboard.press("Tab")
    somebody.paste(password)
    somebody.click(page.get_by_role("button", name="Sign in"))
    page.get_by_role("heading", name="Getting started").wait_for()
    page.locator("[data-live-indicator][data-live-state=live]").wait_for()
    somebody.click(page.get_by_role("button", name="Send a first call"))
    page.get_by_text("You said: Say hello in one sentence.").wait_for()
    call = page.locator("#start-calls li").first
    call.get_by_text("Answered").wait_for()
    assert re.search(r"\$0\.0*[1-9]", call.inner_text()), call.inner_text()
    somebody.click(call.get_by_role("link"))
    page.wait_for_url("**/requests/req_*/")

    assert "sandbox-small" in page.locator("main").inner_text()
    assert "Say hello in one sentence." in page.locator("main").inner_text()
    assert somebody.clicks <= MOST_CLICKS
    assert somebody.pastes <= MOST_PASTES
    print(f"{somebody.clicks} clicks, {somebody.pastes} paste")


def test_an_owner_makes_a_key_calls_with_it_and_sees_the_call_and_its_cost_live(fresh: Fresh, page: Any) -> None:
    fresh.up.run("manage.py", "shell", "-c", OWNER)
    page.goto(f"{fresh.up.root}/account/login/?next=/t/demo/keys/")
    wait_for_cursor(page, "login")
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")

    page.locator("main .page-actions a[data-drawer]").click()
    drawer = page.locator("#drawer-body")
    drawer.get_by_label("Name").fill("checkout")
    drawer.get_by_role("button", name="Create the key").click()
    key = drawer.locator(".secret code").inner_text()
    page.goto(f"{fresh.up.root}/t/demo/requests/tail/")
    page.locator("[data-live-indicator][data-live-state=live]").wait_for()
    answer = httpx.post(
        f"{fresh.up.root}/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        json={"model": "sandbox-small", "messages": [{"role": "user", "content": "Hello from the checkout"}]},
        timeout=30,
    )

    assert answer.status_code == 200, answer.text
    call = page.locator("tbody tr", has=page.locator(f'a[href*="{answer.headers["x-correlation-id"]}"]'))
    call.wait_for()
    assert "Completed" in call.inner_text()
    assert re.search(r"\$0\.0*[1-9]", call.inner_text()), call.inner_text()
    call.get_by_role("link").click()
    page.get_by_role("heading", name="What happened").wait_for()
    assert "checkout" in page.locator("main").inner_text()
