"""What changes policies: drafts, versions, what is in force; each change audited and announced."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseError
from django.db import transaction

from contracts.guardrails import Action, Stage
from guardrails import services
from guardrails.compile import compile_policies
from guardrails.models import Policy, PolicyVersion
from guardrails.selectors import versions_in_force
from tenants.audit import AuditEntry
from tests.guardrails.policy_rows import make_policy, words_rule
from tests.tenants.factories import make_key, make_tenant

pytestmark = pytest.mark.django_db


def in_force(policy: Policy):
    return compile_policies(versions_in_force(policy.tenant_id))


def test_a_new_policy_applies_to_no_call():
    assert in_force(make_policy(make_tenant())) == ()


def test_a_published_policy_travels_as_it_was_published():
    policy = make_policy(make_tenant(), routes=["chat"])
    services.publish(policy=policy, mode="enforce")
    services.put_rule(policy=policy, rule=words_rule("Later"))

    [spec] = in_force(policy)

    assert (spec.id, spec.version, spec.shadow, spec.routes) == (str(policy.pk), 1, False, {"chat"})
    assert spec.rules == (words_rule(),)


def test_publishing_as_shadow_only_tells():
    policy = make_policy()
    services.publish(policy=policy)

    assert [spec.shadow for spec in in_force(policy)] == [True]


def test_a_policy_of_one_tenant_is_not_in_anothers_spec():
    services.publish(policy=make_policy(make_tenant()), mode="enforce")

    assert compile_policies(versions_in_force(make_tenant().pk)) == ()
    assert compile_policies(versions_in_force(None)) == ()


def test_each_publication_is_the_next_version_and_one_entry_of_the_audit_log():
    policy = make_policy(make_tenant())
    services.publish(policy=policy)
    services.put_rule(policy=policy, rule=words_rule("More"))
    before = AuditEntry.objects.count()

    version = services.publish(policy=policy, mode="enforce", note="More words")

    assert (version.number, version.note, policy.mode) == (2, "More words", "enforce")
    assert AuditEntry.objects.count() == before + 1
    assert AuditEntry.objects.order_by("-id")[0].after == {"live_version": 2, "mode": "enforce"}


def test_nothing_is_published_twice():
    policy = make_policy()
    services.publish(policy=policy)

    with pytest.raises(ValidationError, match="Nothing differs from version 1"):
        services.publish(policy=policy)


def test_a_policy_without_rules_is_not_published():
    policy = services.create_policy(name="empty")

    with pytest.raises(ValidationError, match="without rules"):
        services.publish(policy=policy)


def test_rolling_back_puts_the_version_before_in_force_and_leaves_the_draft():
    policy = make_policy(make_tenant())
    services.publish(policy=policy, mode="enforce")
    services.put_rule(policy=policy, rule=words_rule("More"))
    services.publish(policy=policy, mode="enforce")

    services.roll_back(policy=policy)

    [spec] = in_force(policy)
    policy.refresh_from_db()
    assert (spec.version, len(spec.rules), len(policy.rules)) == (1, 1, 2)


def test_there_is_nothing_before_the_first_version():
    policy = make_policy()
    services.publish(policy=policy)

    with pytest.raises(ValidationError, match="no such version"):
        services.roll_back(policy=policy)


def test_switching_on_needs_a_version():
    with pytest.raises(ValidationError, match="Publish a version"):
        services.set_mode(policy=make_policy(), mode="enforce")


@pytest.mark.parametrize("how", ["model", "queryset"])
def test_a_published_version_is_not_changed(how: str):
    version = services.publish(policy=make_policy())

    def change() -> None:
        if how == "model":
            version.note = "Other"
            version.save()
        else:
            PolicyVersion.objects.filter(pk=version.pk, tenant=None).update(note="Other")

    with pytest.raises((TypeError, DatabaseError)), transaction.atomic():
        change()


def test_rules_are_changed_moved_and_removed_by_their_ids():
    policy = make_policy(None, "p", words_rule("A"), words_rule("B"), words_rule("C"))

    services.move_rule(policy=policy, rule_id="c", by=-1)
    services.remove_rule(policy=policy, rule_id="a")
    services.put_rule(policy=policy, rule=words_rule("B", "other"))

    policy.refresh_from_db()
    assert [(rule["id"], rule["options"]["words"]) for rule in policy.rules] == [("c", ["globex"]), ("b", ["other"])]


def test_a_new_rule_gets_an_id_from_its_name():
    policy = make_policy(None, "p", words_rule("rivals"))

    services.put_rule(policy=policy, rule=words_rule("Rivals", id=""))

    policy.refresh_from_db()
    assert [rule["id"] for rule in policy.rules] == ["rivals", "rivals-2"]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"kind": "tea-leaves"}, "no kind 'tea-leaves'"),
        ({"options": {"wrods": ["a"]}}, "unknown field"),
        ({"options": {"words": []}}, "options"),
        ({"stages": frozenset()}, "Choose at least one"),
        ({"action": Action.REROUTE}, "to which route"),
        ({"deadline_ms": 0}, "From 1 to"),
        ({"kind": "refusal", "options": {}, "stages": frozenset({Stage.INPUT})}, "does not look at: input"),
        ({"kind": "refusal", "options": {}, "stages": frozenset({Stage.OUTPUT}), "action": Action.MASK}, "cannot mask"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict, complaint: str):
    with pytest.raises(ValidationError, match=complaint):
        make_policy(None, "p", words_rule(**wrong))


def test_a_policy_names_keys_of_its_own_tenant_only():
    tenant = make_tenant()
    own = make_key(tenant=tenant)
    foreign = make_key(tenant=make_tenant())

    make_policy(tenant, keys=[own.pk])
    with pytest.raises(ValidationError, match="has no key"):
        make_policy(tenant, "other", keys=[foreign.pk])
    with pytest.raises(ValidationError, match="names no keys"):
        make_policy(None, "other", keys=[own.pk])


def test_a_copy_in_another_tenant_is_off_and_has_no_keys():
    tenant = make_tenant()
    key = make_key(tenant=tenant)
    policy = make_policy(tenant, keys=[key.pk])
    services.publish(policy=policy, mode="enforce")

    copy = services.duplicate_policy(policy=policy, name="copy", tenant=make_tenant())

    assert (copy.mode, copy.keys, copy.live_version, copy.rules) == ("off", [], None, policy.rules)


@pytest.mark.parametrize(("storage", "kept"), [("stored", "a plain text"), ("none", "")])
def test_the_text_of_a_false_positive_is_kept_only_where_payloads_are(storage: str, kept: str):
    policy = make_policy(make_tenant(payload_storage=storage))

    mark = services.mark_false_positive(policy=policy, rule_id="rivals", text="a plain text")

    assert mark.text == kept
    assert len(mark.text_hash) == 64
    entry = AuditEntry.objects.order_by("-id")[0]
    assert "text" not in entry.after
    with pytest.raises(ValidationError, match="marked already"):
        services.mark_false_positive(policy=policy, rule_id="rivals", text="a plain text")
