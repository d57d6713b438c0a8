"""The main tasks of an operator with providers, in a real browser."""

from __future__ import annotations

from contracts.tenant_scope import across_tenants
from routing.models import ModelPrice, Provider
from routing.services import create_model, create_provider
from tests.browser.signed_in import browser_test
from tests.tenants.factories import make_operator

pytestmark = browser_test


def test_an_operator_adds_a_provider_tests_it_and_drains_it(open_as, assert_accessible):
    page = open_as(make_operator(), "/console/providers/")
    page.get_by_role("link", name="Add a provider").first.click()
    page.get_by_role("link", name="Sandbox").click()
    page.get_by_label("Name", exact=True).fill("rehearsal")
    assert_accessible(page)
    page.get_by_role("button", name="Create the provider").click()

    page.get_by_role("heading", name="rehearsal").wait_for()
    page.get_by_role("button", name="Test", exact=True).click()
    page.get_by_text("rehearsal/sandbox-large answers").wait_for()
    assert_accessible(page)
    page.get_by_role("button", name="Close").click()

    page.get_by_role("button", name="Drain").click()
    page.get_by_role("dialog").get_by_role("button", name="Drain the provider").click()
    page.get_by_role("button", name="Enable").wait_for()
    with across_tenants("the test's own row"):
        assert not Provider.objects.get(name="rehearsal").enabled


def test_an_operator_checks_a_reference_stores_a_secret_and_sets_a_price(open_as, assert_accessible):
    provider = create_provider(name="lab", kind="sandbox", secret_ref="db:lab")
    model = create_model(provider=provider, name="mystery")
    operator = make_operator()
    page = open_as(operator, "/console/secrets/")
    page.get_by_role("button", name="Check").click()
    page.get_by_text("There is no secret db:lab").wait_for()
    assert_accessible(page)
    page.get_by_role("link", name="Store it").click()
    page.get_by_label("The credential").fill("sk-lab")
    page.get_by_role("button", name="Store the secret").click()
    page.get_by_role("link", name="New value").wait_for()
    page.get_by_role("button", name="Check").click()
    page.locator(".check-result").get_by_text("Resolves").wait_for()

    page.goto(f"/console/models/{model.pk}/")
    page.get_by_text("Nobody knows the price").wait_for()
    assert_accessible(page)
    page.get_by_role("link", name="Set a price").click()
    page.get_by_label("Input, $ per 1M", exact=True).fill("0.5")
    page.get_by_label("Output, $ per 1M", exact=True).fill("1.25")
    page.get_by_role("button", name="Set the price").click()

    page.get_by_text("$1.25").first.wait_for()
    with across_tenants("the test's own row"):
        assert ModelPrice.objects.get().output == 1_250_000_000
