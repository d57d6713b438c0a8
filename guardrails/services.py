"""What changes policies, their drafts and what is in force. Each function is one transaction with one audit entry.

Changes of a draft touch no call: gateways hold the published version alone. Publishing, rolling back and switching do,
within a second.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max

from contracts.guardrails import RuleSpec, Stage
from contracts.tenant_scope import across_tenants
from guardrails.cases import CaseResult, add_case, case_hash, merge_cases, run_cases
from guardrails.documents import Document
from guardrails.models import FalsePositive, Policy, PolicyCase, PolicyVersion
from guardrails.validators import new_rule_id, stored
from tenants.actor import current_actor
from tenants.audit import AuditEntry
from tenants.audit_log import note as note_entry
from tenants.changes import delete_row, save_row, with_fields
from tenants.models import Tenant

log = logging.getLogger(__name__)

Mode = Policy.Mode
_SHA256 = re.compile(r"[0-9a-f]{64}")
Rules = list[dict[str, Any]]


def create_policy(*, name: str, tenant: Tenant | None = None, rules: Sequence[RuleSpec] = (), **fields: Any) -> Policy:
    """A new policy that is off, the platform's unless ``tenant`` is given; ``rules`` are its draft.

    Raises:
        ValidationError: a field or a rule is not valid, or the owner has a policy of this name.
    """
    row = Policy(name=name, tenant=tenant, rules=[stored(rule) for rule in rules])
    return save_row(with_fields(row, fields))


@transaction.atomic
def import_policies(*, tenant: Tenant | None, documents: Sequence[Document]) -> list[Policy]:
    """New policies from a file, all of them or none; each is off, whatever the file says.

    Raises:
        ValidationError: one is not valid, or the owner has a policy of its name.
    """
    rows = []
    for one in documents:
        row = create_policy(
            name=one.name,
            tenant=tenant,
            rules=one.rules,
            description=one.description,
            order=one.order,
            routes=list(one.routes),
        )
        merge_cases(policy=row, entries=one.cases)
        rows.append(row)
    return rows


@transaction.atomic
def update_policy(*, policy: Policy, **fields: Any) -> Policy:
    """Change its name, description, order, or to which calls it applies.

    Raises:
        ValidationError: a field is not valid.
    """
    return save_row(with_fields(_locked(policy), fields))


def delete_policy(*, policy: Policy) -> None:
    """Delete the policy with its versions; it applies to no call any more."""
    delete_row(policy)


def duplicate_policy(*, policy: Policy, name: str, tenant: Tenant | None) -> Policy:
    """A new policy that is off, with the draft of another; keys only where the owner stays the same.

    Raises:
        ValidationError: the owner has a policy of this name.
    """
    keys = policy.keys if policy.tenant_id == (tenant.pk if tenant else None) else []
    return save_row(
        Policy(
            name=name,
            tenant=tenant,
            description=policy.description,
            order=policy.order,
            routes=list(policy.routes),
            keys=list(keys),
            rules=list(policy.rules),
        )
    )


@transaction.atomic
def replace_rules(*, policy: Policy, rules: Sequence[RuleSpec]) -> Policy:
    """Give the draft exactly these rules.

    Raises:
        ValidationError: one of them is not valid.
    """
    return _with_rules(_locked(policy), [stored(rule) for rule in rules])


@transaction.atomic
def put_rule(*, policy: Policy, rule: RuleSpec) -> Policy:
    """Change the draft's rule of this id, or add one at the end; without an id it gets one from its name.

    Raises:
        ValidationError: the rule is not valid.
    """
    row = _locked(policy)
    rules: Rules = list(row.rules)
    ids = [item["id"] for item in rules]
    plain = stored(rule)
    plain["id"] = plain["id"] or new_rule_id(rule.name, ids)
    if plain["id"] in ids:
        rules[ids.index(plain["id"])] = plain
    else:
        rules.append(plain)
    return _with_rules(row, rules)


@transaction.atomic
def move_rule(*, policy: Policy, rule_id: str, by: int) -> Policy:
    """Move the draft's rule up (negative) or down so many places; at an end it stays there.

    Raises:
        ValidationError: there is no such rule.
    """
    row = _locked(policy)
    rules: Rules = list(row.rules)
    place = _place(rules, rule_id)
    rule = rules.pop(place)
    rules.insert(max(0, min(len(rules), place + by)), rule)
    return _with_rules(row, rules)


@transaction.atomic
def remove_rule(*, policy: Policy, rule_id: str) -> Policy:
    """Take the rule out of the draft.

    Raises:
        ValidationError: there is no such rule.
    """
    row = _locked(policy)
    rules: Rules = list(row.rules)
    del rules[_place(rules, rule_id)]
    return _with_rules(row, rules)


@transaction.atomic
def publish(
    *, policy: Policy, mode: str = Mode.SHADOW, note: str = "", accept_failing_cases: bool = False
) -> PolicyVersion:
    """Freeze the draft as the next version and put it in force, as shadow or enforced.

    Raises:
        FailingCases: the draft fails cases of the policy, and nobody said that this is accepted.
        ValidationError: the draft has no rules, or nothing differs from the version in force.
    """
    row = _locked(policy)
    if not row.rules:
        raise ValidationError("A policy without rules does nothing: add a rule before publishing.")
    live = live_version_of(row)
    if live is not None and live.rules == row.rules:
        raise ValidationError(f"Nothing differs from version {live.number}, which is in force.")
    failing = run_cases(row).failing
    if failing and not accept_failing_cases:
        raise FailingCases(failing)
    newest: int = row.versions.aggregate(newest=Max("number"))["newest"] or 0
    version = PolicyVersion(
        policy=row,
        tenant=row.tenant,
        number=newest + 1,
        rules=row.rules,
        note=note,
        author=current_actor().name,
        failing_cases=len(failing),
    )
    version.full_clean()
    version.save(force_insert=True)
    if failing:
        _note_accepted(version)
    save_row(with_fields(row, {"live_version": version.number, "mode": mode}))
    _copy_state(row, policy)
    return version


@transaction.atomic
def set_mode(*, policy: Policy, mode: str) -> Policy:
    """Switch the version in force to shadow, to enforce, or off.

    Raises:
        ValidationError: no version was published yet.
    """
    row = _locked(policy)
    if mode != Mode.OFF and row.live_version is None:
        raise ValidationError("Publish a version before the policy is switched on.")
    save_row(with_fields(row, {"mode": mode}))
    _copy_state(row, policy)
    return row


@transaction.atomic
def roll_back(*, policy: Policy, number: int | None = None) -> PolicyVersion:
    """Put an earlier version in force, the one before unless ``number`` says which; the draft stays as it is.

    Raises:
        ValidationError: there is no such version.
    """
    row = _locked(policy)
    versions = row.versions.filter(tenant=row.tenant_id)
    versions = versions.filter(number=number) if number else versions.filter(number__lt=row.live_version or 0)
    version: PolicyVersion | None = versions.order_by("-number").first()
    if version is None:
        raise ValidationError("There is no such version to go back to.")
    save_row(with_fields(row, {"live_version": version.number}))
    _copy_state(row, policy)
    return version


@transaction.atomic
def draft_from(*, policy: Policy, number: int) -> Policy:
    """Make the draft what a version was.

    Raises:
        ValidationError: there is no such version.
    """
    row = _locked(policy)
    version = row.versions.filter(tenant=row.tenant_id, number=number).first()
    if version is None:
        raise ValidationError("There is no such version.")
    return _with_rules(row, version.rules)


@transaction.atomic
def mark_false_positive(
    *,
    policy: Policy,
    rule_id: str,
    text: str = "",
    text_hash: str = "",
    note: str = "",
    correlation_id: str = "",
    stage: str = Stage.INPUT.value,
) -> FalsePositive:
    """Note that this rule took offence at something harmless. The text is kept only where the tenant stores payloads,
    and is from then on a case: the next version must not take offence at it.

    ``text_hash`` is instead of a text that nobody has kept, as the event of the rule tells it.

    Raises:
        ValidationError: it is noted already, or neither is given.
    """
    whole = not text_hash or not text or case_hash(text) == text_hash
    if text and not text_hash:
        text_hash = case_hash(text)
    elif not _SHA256.fullmatch(text_hash):
        raise ValidationError("There is nothing to mark.")
    keeps = policy.tenant is not None and policy.tenant.payload_storage == Tenant.PayloadStorage.STORED
    row = save_row(
        FalsePositive(
            tenant=policy.tenant,
            policy=policy,
            rule_id=rule_id,
            text_hash=text_hash,
            text=text if keeps else "",
            note=note,
            correlation_id=correlation_id,
            marked_by=current_actor().name,
        )
    )
    # An excerpt of the text says nothing of what the rule makes of all of it.
    if keeps and whole and text.strip():
        _hold_to(policy, rule_id, text, stage, note or "Marked as harmless")
    return row


def _hold_to(policy: Policy, rule_id: str, text: str, stage: str, note: str) -> None:
    rule = rule_id if rule_id in {plain["id"] for plain in policy.rules} else ""
    try:
        with transaction.atomic():
            add_case(
                policy=policy,
                expect=PolicyCase.Expectation.HARMLESS,
                text=text,
                stage=stage if stage in set(Stage) else Stage.INPUT.value,
                rule_id=rule,
                note=note,
            )
    except ValidationError as refusal:
        # Too long, too many, or there already: the mark counts all the same.
        log.info("no case of a mark: %s", " ".join(refusal.messages))


class FailingCases(ValidationError):
    """The draft fails cases that the policy is held to."""

    def __init__(self, failing: Sequence[CaseResult]) -> None:
        self.failing = tuple(failing)
        number = len(self.failing)
        cases = "1 case fails" if number == 1 else f"{number} cases fail"
        super().__init__(f"{cases} with this draft. Mend the rules or the cases, or publish all the same.")


def _note_accepted(version: PolicyVersion) -> None:
    note_entry(
        AuditEntry.Action.UPDATED,
        object_type="policycase",
        object_name=f"{version.policy.name} v{version.number}",
        tenant_id=version.tenant_id,
        details={"accepted_failing_cases": version.failing_cases},
    )


def live_version_of(policy: Policy) -> PolicyVersion | None:
    """The version in force; None where none was published."""
    if policy.live_version is None:
        return None
    found: PolicyVersion | None = policy.versions.filter(tenant=policy.tenant_id, number=policy.live_version).first()
    return found


def _with_rules(row: Policy, rules: Sequence[Mapping[str, Any]]) -> Policy:
    return save_row(with_fields(row, {"rules": list(rules)}))


def _locked(policy: Policy) -> Policy:
    """As it is stored now, so that of two people who edit at once neither undoes the other's work unseen."""
    with across_tenants("the stored state of the very row that is being changed"):
        row: Policy = Policy.objects.select_related("tenant").select_for_update(of=("self",)).get(pk=policy.pk)
    return row


def _copy_state(row: Policy, policy: Policy) -> None:
    policy.mode, policy.live_version = row.mode, row.live_version


def _place(rules: Rules, rule_id: str) -> int:
    for place, rule in enumerate(rules):
        if rule["id"] == rule_id:
            return place
    raise ValidationError("The draft has no such rule; somebody may have removed it.")
