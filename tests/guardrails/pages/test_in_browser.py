"""What people do on the pages of policies, in a real browser."""

from __future__ import annotations

from contracts.guardrails import Action
from guardrails.models import Policy
from tests.browser.signed_in import browser_test
from tests.guardrails.policy_rows import make_policy, words_rule
from tests.tenants.factories import make_operator

pytestmark = browser_test


def test_a_pasted_prompt_is_judged_as_one_types(open_as, assert_accessible, acme):
    policy = make_policy(acme, "standard", words_rule(action=Action.REDACT))
    page = open_as(make_operator(), f"/t/acme/guardrails/{policy.pk}/?tab=try", width=390, theme="dark")

    page.fill("#id_text", "Is Globex better?")

    page.wait_for_selector("mark.hit")
    assert page.inner_text("mark.hit") == "Globex"
    assert "[LISTED_WORD]" in page.inner_text("#try-outcome")
    assert_accessible(page)


def test_rules_change_places_without_a_new_page(open_as, assert_accessible, acme):
    policy = make_policy(acme, "standard", words_rule("First"), words_rule("Second"))
    page = open_as(make_operator(), f"/t/acme/guardrails/{policy.pk}/")

    page.click("[data-rule=second] button[value=up]")

    page.wait_for_selector(".rule:first-child[data-rule=second]")
    assert [rule["id"] for rule in Policy.objects.for_tenant(acme).get().rules] == ["second", "first"]
    assert_accessible(page)


def test_an_invariant_is_begun_with_an_example_and_tried_as_one_types(open_as, assert_accessible, acme):
    policy = make_policy(acme)
    page = open_as(make_operator(), f"/t/acme/guardrails/{policy.pk}/rules/new/invariant/", width=390, theme="dark")

    page.click("text=A price must be one of the context")
    page.wait_for_selector("#invariant-outcome >> text=Broken")
    page.fill("#id_option_expression", "response.txt == ''")
    page.wait_for_selector("#invariant-outcome >> text=Did you mean 'text'?")

    assert page.input_value("#id_name") == "A price must be one of the context"
    assert_accessible(page)
