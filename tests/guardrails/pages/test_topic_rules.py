"""Rules about topics on their pages: filled in box by box, tried with the score of each topic."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from contracts.guardrails import Action
from guardrails import services
from guardrails.models import Policy
from tenants.models import Tenant
from tests.guardrails.pages.conftest import body
from tests.guardrails.policy_rows import make_policy, words_rule

pytestmark = pytest.mark.django_db

MEDICINE = {"name": "Medical advice", "examples": ["Is this rash dangerous?", "What dose of ibuprofen may I take?"]}
FORM: dict[str, Any] = {
    "name": "No medicine",
    "stages": ["input"],
    "action": "block",
    "deadline_ms": 2_000,
    "on_error": "allow",
    "option_topics-0-name": "Medical advice",
    "option_topics-0-examples": "Is this rash dangerous?\n\n  What dose of ibuprofen may I take?  ",
    "option_topics-1-name": "",
    "option_topics-1-examples": "",
    "option_mode": "never",
    "option_per": "sentence",
    "option_min_score": "0.5",
    "option_small_talk": "on",
}


def with_topic(tenant: Tenant, **options: Any) -> Policy:
    rule = words_rule("Medicine", kind="topic", options={"topics": [MEDICINE], **options}, action=Action.BLOCK)
    return make_policy(tenant, "topics", rule)


def test_a_topic_is_filled_in_box_by_box(developer: Client, acme: Tenant):
    policy = make_policy(acme)

    saved = developer.post(f"/t/acme/guardrails/{policy.pk}/rules/new/topic/", FORM)

    assert saved.status_code == 302
    policy.refresh_from_db()
    assert policy.rules[-1]["options"] == {"topics": [MEDICINE]}


def test_a_topic_without_examples_is_refused_and_what_was_typed_stays(developer: Client, acme: Tenant):
    policy = make_policy(acme)

    page = body(
        developer.post(f"/t/acme/guardrails/{policy.pk}/rules/new/topic/", {**FORM, "option_topics-0-examples": ""})
    )

    assert "Give the topic &#x27;Medical advice&#x27; at least one example." in page
    assert 'value="Medical advice"' in page


def test_the_form_shows_the_topics_that_the_rule_has(developer: Client, acme: Tenant):
    policy = with_topic(acme)

    page = body(developer.get(f"/t/acme/guardrails/{policy.pk}/rules/{policy.rules[0]['id']}/"))

    assert "Is this rash dangerous?\nWhat dose of ibuprofen may I take?" in page
    assert 'name="option_topics-__n__-name"' in page


def test_the_rule_and_its_changes_are_told_by_the_names_of_topics(developer: Client, acme: Tenant):
    policy = with_topic(acme)
    services.publish(policy=policy)
    more = {**MEDICINE, "examples": [*MEDICINE["examples"], "Do I need an antibiotic?"]}
    services.put_rule(
        policy=policy,
        rule=words_rule("Medicine", kind="topic", options={"topics": [more]}),
    )

    page = body(developer.get(f"/t/acme/guardrails/{policy.pk}/"))

    assert "Topics: Medical advice" in page
    assert "Medical advice (2 examples)" in page
    assert "Medical advice (3 examples)" in page


def test_the_tester_shows_how_near_a_text_came_to_each_topic(developer: Client, acme: Tenant):
    policy = with_topic(acme)

    near = body(developer.post(f"/t/acme/guardrails/{policy.pk}/test/", {"stage": "input", "text": "Is my rash bad?"}))
    far = body(developer.post(f"/t/acme/guardrails/{policy.pk}/test/", {"stage": "input", "text": "Book me a train."}))

    assert "nearest example “Is this rash dangerous?”" in near
    assert "MEDICAL_ADVICE" in near
    assert "How near it came" in far
    assert "Found from 0.5 on" in far
    assert "MEDICAL_ADVICE" not in far
