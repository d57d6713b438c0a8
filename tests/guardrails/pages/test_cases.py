"""Cases on the pages of a policy."""

from __future__ import annotations

import pytest
from django.test import Client

from guardrails import services
from guardrails.cases import add_case, cases_of
from tenants.models import Tenant
from tests.guardrails.pages.conftest import body
from tests.guardrails.policy_rows import make_policy
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


def test_a_case_is_added_from_what_was_tried(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    tried = body(developer.post(f"/t/acme/guardrails/{policy.pk}/test/", {"stage": "input", "text": "about globex"}))

    assert f'action="/t/acme/guardrails/{policy.pk}/cases/new/"' in tried
    added = developer.post(
        f"/t/acme/guardrails/{policy.pk}/cases/new/", {"expect": "found", "stage": "input", "text": "about globex"}
    )

    assert added.headers["Location"] == f"/t/acme/guardrails/{policy.pk}/?tab=cases"
    assert [(case.expect, case.text) for case in cases_of(policy)] == [("found", "about globex")]


def test_the_list_runs_them_and_says_which_fail(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    add_case(policy=policy, expect="found", text="about globex")
    add_case(policy=policy, expect="harmless", text="globex is a film", note="seen in March")
    address = f"/t/acme/guardrails/{policy.pk}/cases/run/"

    fragment = body(developer.get(address, headers={"HX-Request": "true"}))

    assert "1 failing" in fragment
    assert "Found by Rivals." in fragment
    assert "seen in March" in fragment
    assert developer.get(address).headers["Location"].endswith("?tab=cases&run=1")
    assert "1 failing" in body(developer.get(f"/t/acme/guardrails/{policy.pk}/?tab=cases&run=1"))


def test_a_list_without_cases_says_what_they_are_for(developer: Client, acme: Tenant):
    policy = make_policy(acme)

    assert "No cases yet" in body(developer.get(f"/t/acme/guardrails/{policy.pk}/?tab=cases"))


def test_whoever_may_not_read_stored_prompts_sees_no_text(as_member, acme: Tenant):
    policy = make_policy(acme)
    add_case(policy=policy, expect="found", text="about globex")
    viewer = as_member("viewer")

    page = body(viewer.get(f"/t/acme/guardrails/{policy.pk}/?tab=cases&run=1"))
    export = viewer.get(f"/t/acme/guardrails/{policy.pk}/export/").content.decode()

    assert "Must be found" in page
    assert "about globex" not in page + export
    assert viewer.post(f"/t/acme/guardrails/{policy.pk}/cases/new/", {}).status_code == 403


def test_a_case_is_removed(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    case = add_case(policy=policy, expect="found", text="about globex")

    developer.post(f"/t/acme/guardrails/{policy.pk}/cases/{case.pk}/remove/")

    assert not cases_of(policy)


def test_the_page_of_a_publication_shows_what_fails_and_wants_it_accepted(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    add_case(policy=policy, expect="harmless", text="globex is a film")
    address = f"/t/acme/guardrails/{policy.pk}/publish/"

    page = body(developer.get(address))
    refused = body(developer.post(address, {"mode": "enforce"}))
    accepted = developer.post(address, {"mode": "enforce", "accept_failing_cases": "on"})

    assert "Found by Rivals." in page
    assert "Publish although cases fail" in page
    assert "say that you accept it" in refused
    assert accepted.status_code == 302
    assert "1 failing case accepted" in body(developer.get(f"/t/acme/guardrails/{policy.pk}/?tab=versions"))


def test_the_page_of_a_publication_says_that_all_pass(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    add_case(policy=policy, expect="found", text="globex is a film")

    page = body(developer.get(f"/t/acme/guardrails/{policy.pk}/publish/"))

    assert "The one case passes." in page
    assert "although cases fail" not in page


def test_cases_of_other_tenants_are_not_there(developer: Client, acme: Tenant):
    foreign = make_policy(make_tenant())
    case = add_case(policy=foreign, expect="found", text="globex")
    own = make_policy(acme)

    assert developer.get(f"/t/acme/guardrails/{foreign.pk}/cases/run/").status_code == 404
    assert developer.post(f"/t/acme/guardrails/{foreign.pk}/cases/{case.pk}/remove/").status_code == 404
    assert developer.post(f"/t/acme/guardrails/{own.pk}/cases/{case.pk}/remove/").status_code == 404


def test_a_hit_that_is_marked_as_harmless_becomes_a_case(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    services.publish(policy=policy)

    developer.post(
        f"/t/acme/guardrails/{policy.pk}/false-positives/",
        {"rule": "rivals", "text": "globex: a film", "stage": "input"},
    )

    assert [(case.expect, case.rule_id) for case in cases_of(policy)] == [("harmless", "rivals")]
