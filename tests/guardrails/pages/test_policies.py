"""The pages of policies: who sees and changes which, what they say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from contracts.guardrails import Action, Stage
from guardrails import services
from guardrails.engine.kinds import KINDS
from guardrails.models import FalsePositive, Policy
from tenants.audit import AuditEntry
from tenants.models import ApiKey, Tenant
from tests.guardrails.policy_rows import make_policy, words_rule
from tests.tenants.factories import make_key, make_tenant

pytestmark = pytest.mark.django_db

PAGES = (
    "",
    "edit/",
    "publish/",
    "copy/",
    "delete/",
    "export/",
    "import/",
    "rules/new/",
    "rules/new/words/",
    "rules/rivals/",
)
CHANGES = ("edit/", "publish/", "delete/", "import/", "rules/new/", "rules/rivals/")


def body(response) -> str:
    assert response.status_code == 200, response
    return response.content.decode()


def test_a_tenant_sees_its_own_policies_and_the_shared_ones_but_no_others(developer: Client, acme: Tenant):
    make_policy(acme, "own-policy")
    make_policy(None, "shared-policy")
    make_policy(make_tenant(), "foreign-policy")

    page = body(developer.get("/t/acme/guardrails/"))

    assert "own-policy" in page
    assert "shared-policy" in page
    assert "foreign-policy" not in page


def test_an_empty_list_says_what_a_policy_is_and_offers_one(developer: Client, as_member):
    assert "Create a policy" in body(developer.get("/t/acme/guardrails/"))
    assert "Create a policy" not in body(as_member("viewer").get("/t/acme/guardrails/"))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_an_own_policy_opens(developer: Client, acme: Tenant, page: str):
    policy = make_policy(acme)

    assert developer.get(f"/t/acme/guardrails/{policy.pk}/{page}").status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_another_tenants_policy_is_not_there(developer: Client, page: str):
    foreign = make_policy(make_tenant())

    assert developer.get(f"/t/acme/guardrails/{foreign.pk}/{page}").status_code == 404


@pytest.mark.parametrize("page", CHANGES)
def test_a_shared_policy_is_not_changed_in_a_tenant(developer: Client, page: str):
    shared = make_policy()

    assert developer.get(f"/t/acme/guardrails/{shared.pk}/").status_code == 200
    assert developer.get(f"/t/acme/guardrails/{shared.pk}/{page}").status_code == 404


@pytest.mark.parametrize("page", [*CHANGES, "copy/"])
def test_a_viewer_sees_a_policy_and_changes_nothing(as_member, acme: Tenant, page: str):
    policy = make_policy(acme)
    viewer = as_member("viewer")

    assert "Rivals" in body(viewer.get(f"/t/acme/guardrails/{policy.pk}/"))
    assert viewer.get(f"/t/acme/guardrails/{policy.pk}/{page}").status_code == 403


@pytest.mark.parametrize("tab", ["rules", "try", "dry-runs", "versions", "hits", "nonsense"])
def test_every_part_of_the_page_opens_in_both_workspaces(developer: Client, operator: Client, acme: Tenant, tab: str):
    policy = make_policy(acme)
    services.publish(policy=policy)

    assert developer.get(f"/t/acme/guardrails/{policy.pk}/?tab={tab}").status_code == 200
    assert operator.get(f"/console/guardrails/{policy.pk}/?tab={tab}").status_code == 200


def test_a_policy_is_made_for_routes_and_keys(developer: Client, acme: Tenant):
    key = make_key(tenant=acme)

    made = developer.post(
        "/t/acme/guardrails/new/", {"name": "standard", "order": 5, "routes": "chat, search", "keys": [str(key.pk)]}
    )

    policy = Policy.objects.for_tenant(acme).get()
    assert made.headers["Location"] == f"/t/acme/guardrails/{policy.pk}/"
    assert (policy.order, policy.routes, policy.keys, policy.mode) == (5, ["chat", "search"], [key.pk], "off")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_form_of_every_kind_is_made_of_its_options(developer: Client, acme: Tenant, kind: str):
    policy = make_policy(acme)

    page = body(developer.get(f"/t/acme/guardrails/{policy.pk}/rules/new/{kind}/"))

    for name in KINDS[kind].options.__struct_fields__:
        assert f'name="option_{name}' in page


def test_a_rule_is_filled_in_and_stands_in_the_draft_alone(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    services.publish(policy=policy, mode="enforce")
    sent = {
        "name": "Project names",
        "stages": ["input", "output"],
        "action": "redact",
        "deadline_ms": 20,
        "on_error": "block",
        "option_words": "Falcon\nBlue Heron\n",
        "option_entity": "PROJECT",
        "option_whole_words": "on",
    }

    developer.post(f"/t/acme/guardrails/{policy.pk}/rules/new/words/", sent)

    policy.refresh_from_db()
    rule = policy.rules[-1]
    assert (rule["id"], rule["action"], rule["stages"]) == ("project-names", "redact", ["input", "output"])
    assert rule["options"]["words"] == ["Falcon", "Blue Heron"]
    assert rule["options"]["look_alikes"] is False
    assert "whole_words" not in rule["options"]
    assert policy.live_version == 1
    assert "Not in force yet" in body(developer.get(f"/t/acme/guardrails/{policy.pk}/"))


def test_entities_of_personal_data_are_ticked_under_their_titles(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    address = f"/t/acme/guardrails/{policy.pk}/rules/new/pii/"
    sent = {"name": "Cards", "stages": ["input"], "action": "redact", "deadline_ms": 50, "on_error": "allow"}

    assert "UK: national insurance" in body(developer.get(address))
    saved = developer.post(address, {**sent, "option_entities": ["CREDIT_CARD", "IBAN_CODE"], "option_min_score": ".5"})

    assert saved.status_code == 302
    policy.refresh_from_db()
    assert policy.rules[-1]["options"] == {"entities": ["CREDIT_CARD", "IBAN_CODE"]}


def test_what_the_kind_refuses_is_said_beside_its_field(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    sent = {"name": "R", "stages": ["input"], "action": "flag", "deadline_ms": 20, "on_error": "allow"}

    page = body(developer.post(f"/t/acme/guardrails/{policy.pk}/rules/new/max_length/", {**sent, "option_limit": "-5"}))
    field = developer.post(
        f"/t/acme/guardrails/{policy.pk}/rules/new/max_length/",
        {**sent, "option_limit": "many"},
        headers={"x-validate": "option_limit"},
    )

    assert "is at least 1" in page
    assert "whole number" in body(field)
    policy.refresh_from_db()
    assert len(policy.rules) == 1


def test_rules_are_moved_and_removed_where_they_stand(developer: Client, acme: Tenant):
    policy = make_policy(acme, "p", words_rule("A"), words_rule("B"))
    address = f"/t/acme/guardrails/{policy.pk}/rules"

    moved = developer.post(f"{address}/b/move/", {"do": "up"}, headers={"hx-request": "true"})
    developer.post(f"{address}/a/move/", {"do": "remove"})

    assert body(moved).index('data-rule="b"') < body(moved).index('data-rule="a"')
    policy.refresh_from_db()
    assert [rule["id"] for rule in policy.rules] == ["b"]


def test_a_draft_is_published_watched_enforced_and_rolled_back(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    address = f"/t/acme/guardrails/{policy.pk}"

    developer.post(f"{address}/publish/", {"mode": "shadow", "note": "first"})
    developer.post(f"{address}/mode/", {"mode": "enforce"})
    services.put_rule(policy=policy, rule=words_rule("More"))
    developer.post(f"{address}/publish/", {"mode": "enforce"})
    developer.post(f"{address}/roll-back/")

    policy.refresh_from_db()
    assert (policy.mode, policy.live_version) == ("enforce", 1)
    versions = body(developer.get(f"{address}/?tab=versions"))
    assert "Version 2" in versions
    assert "More" in versions
    modes = [entry.after.get("mode") for entry in AuditEntry.objects.filter(object_type="policy").order_by("id")]
    assert modes == ["off", "shadow", "enforce", None, None, None]


def test_the_draft_becomes_what_a_version_was(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    services.publish(policy=policy)
    services.put_rule(policy=policy, rule=words_rule("More"))

    developer.post(f"/t/acme/guardrails/{policy.pk}/roll-back/", {"version": "1", "to": "draft"})

    policy.refresh_from_db()
    assert [rule["id"] for rule in policy.rules] == ["rivals"]


@pytest.mark.parametrize(
    ("action", "stage", "shows"),
    [
        (Action.BLOCK, "input", ["Block", "The caller is told", "hit-bad", "LISTED_WORD"]),
        (Action.REDACT, "input", ["Redact", "[LISTED_WORD]", "What goes on"]),
        (Action.BLOCK, "output", ["Goes on unchanged"]),
    ],
)
def test_the_tester_says_what_would_happen_and_why(developer, acme, action, stage, shows):
    policy = make_policy(acme, "p", words_rule(action=action, stages=frozenset({Stage.INPUT})))

    answer = developer.post(
        f"/t/acme/guardrails/{policy.pk}/test/",
        {"text": "Is Globex better?", "stage": stage},
        headers={"hx-request": "true"},
    )

    for words in shows:
        assert words in body(answer)


def test_the_tester_works_without_script(developer: Client, acme: Tenant):
    policy = make_policy(acme)

    page = body(developer.post(f"/t/acme/guardrails/{policy.pk}/test/", {"text": "Globex", "stage": "input"}))

    assert "<html" in page
    assert "The caller is told" in page


def test_what_is_pasted_is_shown_as_text(developer: Client, acme: Tenant):
    policy = make_policy(acme)

    page = body(
        developer.post(f"/t/acme/guardrails/{policy.pk}/test/", {"text": "<b>Globex</b><script>", "stage": "input"})
    )

    assert "<script>" not in page.split("try-outcome")[1]


def test_a_hit_is_marked_as_harmless_once(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    address = f"/t/acme/guardrails/{policy.pk}/false-positives/"

    developer.post(address, {"rule": "rivals", "text": "Globex is a paper"})
    developer.post(address, {"rule": "rivals", "text": "Globex is a paper"})

    mark = FalsePositive.objects.for_tenant(acme).get()
    assert (mark.rule_id, mark.text) == ("rivals", "Globex is a paper")
    assert "Globex is a paper" in body(developer.get(f"/t/acme/guardrails/{policy.pk}/?tab=hits"))


def test_an_exported_policy_is_imported_as_it_was(developer: Client, acme: Tenant):
    policy = make_policy(acme, "standard", words_rule(), words_rule("More", "a", "b"), routes=["chat"])
    text = body(developer.get(f"/t/acme/guardrails/{policy.pk}/export/"))
    services.update_policy(policy=policy, name="old")

    developer.post("/t/acme/guardrails/import/", {"document": text})

    again = Policy.objects.for_tenant(acme).get(name="standard")
    assert (again.rules, again.routes, again.mode) == (policy.rules, ["chat"], "off")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("policies: [", "no YAML"),
        ("rules: []", "holds a list"),
        ("policies:\n  - name: p\n    rulez: []\n", "unknown field"),
        (
            "policies:\n  - name: p\n    rules:\n      - {name: r, kind: nope, stages: [input], action: flag}\n",
            "no kind",
        ),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(developer: Client, acme: Tenant, text: str, complaint: str):
    assert complaint in body(developer.post("/t/acme/guardrails/import/", {"document": text}))
    assert not Policy.objects.for_tenant(acme).exists()


def test_deleting_takes_the_name(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    services.publish(policy=policy)

    developer.post(f"/t/acme/guardrails/{policy.pk}/delete/", {"typed": "other"})
    assert Policy.objects.for_tenant(acme).exists()
    developer.post(f"/t/acme/guardrails/{policy.pk}/delete/", {"typed": "standard"})
    assert not Policy.objects.for_tenant(acme).exists()


def test_of_very_many_keys_those_that_were_used_last_and_the_chosen_ones_are_offered(
    developer: Client, acme: Tenant, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("guardrails.pages.policy_changes.MOST_KEYS", 2)
    keys = [make_key(acme, name=f"key-{number}") for number in range(4)]
    for minutes, key in enumerate(keys):
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now() - timedelta(minutes=minutes))
    policy = services.create_policy(tenant=acme, name="standard", keys=[keys[3].pk])

    shown = body(developer.get(f"/t/acme/guardrails/{policy.pk}/edit/"))

    assert [key.name for key in keys if str(key.pk) in shown] == ["key-0", "key-1", "key-3"]
    assert "used last" in shown
