"""Policies over the management API."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.ports import ModelQuestion
from guardrails import services
from guardrails.engine.kinds import KINDS
from guardrails.models import Policy
from tests.guardrails.policy_rows import make_policy, words_rule
from tests.tenants.factories import make_tenant
from tests.tenants.rest.callers import READ, caller, error_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]

POLICIES = "/api/v1/guardrails/policies"
RULE: dict[str, Any] = {
    "name": "Rivals",
    "kind": "words",
    "stages": ["input"],
    "action": "redact",
    "options": {"words": ["globex"]},
}
LEAST_OPTIONS: dict[str, dict[str, Any]] = {
    "words": {"words": ["globex"]},
    "max_length": {"limit": 100},
    "language": {"allowed": ["en"]},
    "invariant": {"expression": "size(response.text) < 4000"},
    "judge": {"criterion": "It is about a refund.", "route": "judges"},
    "topic": {"topics": [{"name": "Medical advice", "examples": ["Is this rash dangerous?"]}]},
}


def test_a_policy_is_made_published_switched_and_rolled_back():
    client = caller(make_tenant())
    made = client.post(POLICIES, {"name": "standard", "rules": [RULE]})
    address = f"{POLICIES}/{made.json()['id']}"

    first = client.post(f"{address}/publish", {"note": "first"}).json()
    client.patch(address, {"rules": [RULE, {**RULE, "name": "More"}]})
    second = client.post(f"{address}/publish", {"mode": "enforce"}).json()
    back = client.post(f"{address}/roll-back", {}).json()
    off = client.post(f"{address}/switch", {"mode": "off"}).json()
    versions = client.get(f"{address}/versions").json()

    assert made.status_code == 201
    assert made.json()["rules"][0]["id"] == "rivals"
    assert [(one["mode"], one["live_version"]) for one in (made.json(), first, second, back, off)] == [
        ("off", None),
        ("shadow", 1),
        ("enforce", 2),
        ("enforce", 1),
        ("off", 1),
    ]
    assert [(one["number"], len(one["rules"]), one["note"]) for one in versions] == [(2, 2, ""), (1, 1, "first")]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_rule_of_every_kind_is_taken_and_tried(kind: str):
    client = caller(make_tenant())
    chosen = KINDS[kind]
    rule = {
        "name": chosen.title,
        "kind": kind,
        "stages": sorted(chosen.stages),
        "action": "flag",
        "options": LEAST_OPTIONS.get(kind, {}),
        "deadline_ms": 5_000,
    }

    made = client.post(POLICIES, {"name": kind, "rules": [rule]})
    tried = client.post(f"{POLICIES}/{made.json()['id']}/test", {"text": "Hello.", "stage": min(chosen.stages)})

    assert made.status_code == 201, made.json()
    assert tried.status_code == 200, tried.json()


def test_a_text_is_tried_on_the_draft():
    tenant = make_tenant()
    policy = make_policy(tenant)

    told = caller(tenant, READ).post(f"{POLICIES}/{policy.pk}/test", {"text": "Is Globex better?"}).json()

    assert (told["action"], told["text"]) == ("block", "Is Globex better?")
    assert told["message"]
    [finding] = told["findings"]
    assert (finding["rule_id"], finding["start"], finding["end"]) == ("rivals", 3, 9)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "tea-leaves"},
        {"options": {"wrods": []}},
        {"stages": []},
        {"action": "explode"},
        {"deadline_ms": 0},
        {"surprise": 1},
        {"options": {"words": []}},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, Any]):
    answer = caller(make_tenant()).post(POLICIES, {"name": "p", "rules": [{**RULE, **wrong}]})

    assert answer.status_code == 400
    assert "rules" in str(error_of(answer)["details"]["fields"])


def test_nothing_differs_from_what_is_in_force():
    tenant = make_tenant()
    policy = make_policy(tenant)
    services.publish(policy=policy)

    answer = caller(tenant).post(f"{POLICIES}/{policy.pk}/publish", {})

    assert answer.status_code == 400
    assert "Nothing differs" in error_of(answer)["message"] + str(error_of(answer)["details"])


def test_a_key_that_only_reads_publishes_nothing():
    tenant = make_tenant()
    policy = make_policy(tenant)

    assert caller(tenant, READ).post(f"{POLICIES}/{policy.pk}/publish", {}).status_code == 403


@pytest.mark.parametrize("action", ["", "/publish", "/switch", "/roll-back", "/test", "/versions"])
def test_another_tenants_policy_is_not_there(action: str):
    foreign = make_policy(make_tenant())
    client = caller(make_tenant())
    method = client.get if action in ("", "/versions") else client.post

    assert method(f"{POLICIES}/{foreign.pk}{action}").status_code == 404


def test_a_platform_wide_policy_is_the_platforms_to_change():
    shared = make_policy(None, "shared", words_rule())

    assert caller().patch(f"{POLICIES}/{shared.pk}", {"order": 1}).status_code == 200
    assert caller(make_tenant()).patch(f"{POLICIES}/{shared.pk}", {"order": 2}).status_code in (403, 404)
    assert Policy.objects.of_platform().get().order == 1


def test_cases_are_added_run_and_removed_and_hold_a_publication_back():
    tenant = make_tenant()
    client = caller(tenant)
    address = f"{POLICIES}/{make_policy(tenant).pk}"

    found = client.post(f"{address}/cases", {"expect": "found", "text": "globex"})
    wrong = client.post(f"{address}/cases", {"expect": "harmless", "text": "globex, a film", "rule_id": "rivals"})
    report = client.post(f"{address}/cases/run", {}).json()
    refused = client.post(f"{address}/publish", {})
    accepted = client.post(f"{address}/publish", {"accept_failing_cases": True})
    versions = client.get(f"{address}/versions").json()
    removed = client.delete(f"{address}/cases/{wrong.json()['id']}")
    missing = client.delete(f"{address}/cases/{wrong.json()['id']}")

    assert (found.status_code, wrong.status_code) == (201, 201)
    assert (report["passed"], report["failed"]) == (1, 1)
    assert report["results"][1]["reason"] == "Found by Rivals."
    assert refused.status_code == 400
    assert "1 case fails" in str(refused.json())
    assert accepted.status_code == 200
    assert versions[0]["failing_cases"] == 1
    assert (removed.status_code, missing.status_code) == (204, 404)
    assert [case["text"] for case in client.get(f"{address}/cases").json()] == ["globex"]


def test_cases_of_other_tenants_are_not_there():
    foreign = make_policy(make_tenant())
    client = caller(make_tenant())

    for path, send in (("cases", client.get), ("cases/run", client.post)):
        assert send(f"{POLICIES}/{foreign.pk}/{path}").status_code == 404


class Caller:
    """A model that says of everything that it matches."""

    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id

    async def ask(self, question: ModelQuestion) -> str:
        key = question.schema["properties"]["key"]["enum"][0]
        return f'{{"key": "{key}", "matches": true, "confidence": 0.9, "reason": "It is."}}'


def test_models_are_asked_only_where_the_caller_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("guardrails.model_callers._maker", Caller)
    tenant = make_tenant()
    options = {"criterion": "Over the API.", "route": "judges"}
    policy = make_policy(tenant, "judged", words_rule("Refunds", kind="judge", options=options, deadline_ms=5_000))
    address = f"{POLICIES}/{policy.pk}/test"
    client = caller(tenant)

    quiet = client.post(address, {"text": "a refund"}).json()
    asked = client.post(address, {"text": "a refund", "ask_models": True}).json()

    assert (quiet["action"], quiet["unasked"]) == ("allow", ["Refunds"])
    assert (asked["action"], asked["unasked"], asked["findings"][0]["entity"]) == ("block", [], "JUDGED")
    assert caller(tenant, READ).post(address, {"text": "a refund", "ask_models": True}).status_code == 403
