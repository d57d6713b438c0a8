"""Getting started and the playground in a real browser: the main tasks, by mouse and by keyboard."""

from __future__ import annotations

import re
from typing import Any

from tenants import services
from tenants.models import ApiKey, Tenant, User
from tests.browser.signed_in import browser_test
from tests.gateway.pages.test_playground_documents import QUESTION, REPLY, TEXT, handbook
from tests.tenants.factories import make_user

__all__ = ["handbook"]
pytestmark = browser_test

PLAYGROUND = "/t/acme/playground/"
TOOLS = """[{"type": "function", "function": {"name": "get_tide", "parameters": {"type": "object"}}}]"""


def developer(tenant: Tenant) -> User:
    user = make_user()
    services.set_membership(user=user, tenant=tenant, role="developer")
    return user


def answered(page: Any, lane: str = "First") -> Any:
    """The column, once its answer is complete."""
    page.locator(f'[aria-label="{lane} answer"][data-state=done]').wait_for()
    return page.get_by_role("region", name=f"{lane} answer")


def fits(page: Any, width: int) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth") <= width)


def test_a_newcomer_makes_a_key_and_a_first_call(answering, open_as, assert_accessible):
    page = open_as(developer(answering), "/t/acme/start/")
    assert_accessible(page)

    page.get_by_role("button", name="Create a key").click()
    page.get_by_role("heading", name="Your API key").wait_for()
    page.get_by_role("tab", name="Python", exact=True).click()
    shown = page.get_by_role("tabpanel").inner_text()
    page.get_by_role("button", name="Send a first call").click()
    page.get_by_text("You said: Say hello in one sentence.").wait_for()

    key = ApiKey.objects.for_tenant(answering).get(playground_user=None)
    found = re.search(r'api_key="(bw_[^"]+)"', shown)
    assert found is not None
    assert found[1].endswith(key.last_four)
    page.get_by_label("Route or model").last.select_option("sandbox-large")
    page.get_by_role("tabpanel").get_by_text('model="sandbox-large"').wait_for()
    assert found[1] in page.get_by_role("tabpanel").inner_text()
    assert_accessible(page)


def test_two_models_answer_side_by_side_with_their_figures(answering, open_as, assert_accessible):
    page = open_as(developer(answering), PLAYGROUND)

    page.get_by_role("button", name="Compare").click()
    page.get_by_label("Message 1", exact=True).fill("Hello sea")
    page.keyboard.press("Control+Enter")

    for lane in ("First", "Second"):
        column = answered(page, lane)
        assert "Hello sea" in column.inner_text()
        assert re.search(r"Tokens\s+\d+ in, \d+ out", column.inner_text())
        assert "$0.0" in column.inner_text()
    assert page.get_by_role("button", name=re.compile("Hello sea")).count() == 1
    assert_accessible(page)


def test_an_answer_from_documents_leads_to_the_words_that_it_cites(answering, handbook, open_as, assert_accessible):
    page = open_as(developer(answering), PLAYGROUND)
    page.get_by_label("Route or model of the first answer").select_option("a-reader")
    page.get_by_label("Answer from documents").select_option("handbook")
    page.get_by_label("Message 1", exact=True).fill(QUESTION)
    page.get_by_role("button", name="Send").first.click()

    column = answered(page)
    assert REPLY in column.inner_text()
    assert_accessible(page)
    assert column.get_by_role("region", name="Cited passages").get_by_role("link", name="Leave").is_visible()
    column.get_by_role("link", name="[1]", exact=True).click()
    page.wait_for_url(f"**/documents/*/?at=0-{len(TEXT)}")
    assert page.locator("mark").first.inner_text() == TEXT


def test_an_answer_becomes_part_of_the_conversation(answering, open_as):
    page = open_as(developer(answering), PLAYGROUND)
    page.get_by_label("Message 1", exact=True).fill("Hello sea")
    page.get_by_role("button", name="Send").first.click()

    answered(page).get_by_role("button", name="Go on from here").click()

    assert "Hello sea" in page.get_by_label("Message 2", exact=True).input_value()
    assert page.get_by_label("Who says message 2").input_value() == "assistant"
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Message 3"


def test_a_tool_s_call_is_shown_and_its_result_goes_back(answering, open_as):
    page = open_as(developer(answering), PLAYGROUND)
    page.get_by_label("Message 1", exact=True).fill("Ask get_tide, please")
    page.get_by_text("Tools", exact=True).click()
    page.get_by_label("Tools, a JSON list").fill(TOOLS)
    page.get_by_role("button", name="Send").first.click()

    column = answered(page)
    column.get_by_text("Calls get_tide").wait_for()
    column.get_by_role("button", name="Go on from here").click()
    page.get_by_text("What get_tide gives back").wait_for()
    page.get_by_label("Message 3", exact=True).fill("High at noon")
    page.keyboard.press("Control+Enter")

    answered(page).get_by_text("High at noon").wait_for()


def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_sent(answering, open_as):
    page = open_as(developer(answering), PLAYGROUND)
    page.get_by_label("Message 1", exact=True).fill("Hello")
    page.get_by_label("Temperature").fill("warm")

    page.get_by_role("button", name="Send").first.click()

    page.get_by_text("Write a number.").wait_for()
    assert page.get_by_label("Temperature").get_attribute("aria-invalid") == "true"
    assert not ApiKey.objects.for_tenant(answering).exists()


def test_a_refused_call_says_what_to_do(answering, open_as, assert_accessible):
    page = open_as(developer(answering), PLAYGROUND)
    page.get_by_label("Message 1", exact=True).fill("Hello")
    page.get_by_label("Temperature").fill("99")

    page.get_by_role("button", name="Send").first.click()

    page.get_by_text("The request is not valid").wait_for()
    page.get_by_text("temperature", exact=False).last.wait_for()
    assert_accessible(page)


def test_an_address_brings_back_what_was_written(answering, open_as):
    user = developer(answering)
    page = open_as(user, PLAYGROUND)
    page.get_by_label("Message 1", exact=True).fill("Ünïcode 🌊")
    page.get_by_label("Temperature").fill("0.3")
    page.get_by_role("button", name="Share").click()
    page.wait_for_url("**/playground/#*")

    other = open_as(user, page.url)

    assert other.get_by_label("Message 1", exact=True).input_value() == "Ünïcode 🌊"
    assert other.get_by_label("Temperature").input_value() == "0.3"


def test_an_address_has_no_content_where_none_is_kept(answering, open_as):
    services.update_tenant(tenant=answering, payload_storage="none")
    user = developer(answering)
    page = open_as(user, PLAYGROUND)
    page.get_by_label("Message 1", exact=True).fill("Confidential")
    page.get_by_label("Temperature").fill("0.3")
    page.get_by_role("button", name="Share").click()
    page.get_by_text("this tenant does not keep content").wait_for()

    other = open_as(user, page.url)

    assert other.get_by_label("Message 1", exact=True).input_value() == ""
    assert other.get_by_label("Temperature").input_value() == "0.3"


def test_the_call_is_shown_as_code(answering, open_as, assert_accessible):
    page = open_as(developer(answering), PLAYGROUND)
    page.get_by_label("Message 1", exact=True).fill("Hello sea")

    page.get_by_role("button", name="Code").click()

    dialog = page.get_by_role("dialog", name="This call as code")
    dialog.get_by_role("tab", name="Python", exact=True).click()
    assert 'api_key="YOUR_API_KEY"' in dialog.get_by_role("tabpanel").inner_text()
    assert_accessible(page)


def test_the_playground_fits_a_phone(answering, open_as, assert_accessible):
    page = open_as(developer(answering), PLAYGROUND, width=390, theme="dark")
    page.get_by_role("button", name="Compare").click()

    assert_accessible(page)
    assert fits(page, 390)
