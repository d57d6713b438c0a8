"""Cases: texts with what a policy is to make of them, and how its draft does.

A harmless text must not be found, another must be: by one rule or, where none is named, by any that does not allow.
What somebody marks as a false positive becomes a case where its text is kept: a rule that took offence once does not do
so again unseen. Rules that ask a model are left out: they cost money.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction

from contracts.guardrails import Action, Stage
from guardrails.compile import compile_draft
from guardrails.engine.policy import Verdict
from guardrails.engine.policy_set import PolicySet
from guardrails.models import MAX_CASE_LENGTH, Policy, PolicyCase
from guardrails.trial import judged_alone, without_costs
from tenants.actor import current_actor
from tenants.changes import delete_row, save_row

MOST_CASES: Final = 300
"""Of one policy: they are run while somebody waits."""
Expectation = PolicyCase.Expectation


class CaseEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A case as files have it."""

    expect: str
    text: str
    stage: str = Stage.INPUT.value
    rule: str = ""
    """Id of a rule; empty: any."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What the draft made of a case."""

    case: PolicyCase
    passed: bool
    found_by: tuple[str, ...]
    """Names of the rules that found something."""
    reason: str = ""
    """Why it failed, in a sentence."""


@dataclass(frozen=True, slots=True)
class CaseReport:
    """What the draft made of all cases of the policy."""

    results: tuple[CaseResult, ...] = ()

    @property
    def failing(self) -> tuple[CaseResult, ...]:
        """Those that are not as they should be."""
        return tuple(result for result in self.results if not result.passed)


def case_hash(text: str) -> str:
    """SHA-256 of a text, as events of rules tell it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@transaction.atomic
def add_case(
    *, policy: Policy, expect: str, text: str, stage: str = Stage.INPUT.value, rule_id: str = "", note: str = ""
) -> PolicyCase:
    """Hold the policy to what this text should come to; audited, without the text.

    Raises:
        ValidationError: the text is empty, too long or there already, the draft has no such rule, or there are many.
    """
    if not text.strip():
        raise ValidationError({"text": "A case needs a text."})
    if len(text) > MAX_CASE_LENGTH:
        raise ValidationError({"text": f"A case has at most {MAX_CASE_LENGTH:,} characters."})
    if rule_id and rule_id not in {rule["id"] for rule in policy.rules}:
        raise ValidationError({"rule_id": f"The draft has no rule {rule_id!r}."})
    if cases_of(policy).count() >= MOST_CASES:
        raise ValidationError(f"A policy has at most {MOST_CASES} cases.")
    return save_row(
        PolicyCase(
            policy=policy,
            tenant=policy.tenant,
            expect=expect,
            stage=stage,
            text=text,
            text_hash=case_hash(text),
            rule_id=rule_id,
            note=note[:300],
            added_by=current_actor().name,
        )
    )


def remove_case(*, case: PolicyCase) -> None:
    """Hold the policy to it no more; audited."""
    delete_row(case)


@transaction.atomic
def merge_cases(*, policy: Policy, entries: Iterable[CaseEntry]) -> int:
    """Add those that are not there yet; gives how many were.

    Raises:
        ValidationError: one is not valid.
    """
    known = {(case.stage, case.rule_id, case.text_hash) for case in cases_of(policy)}
    added = 0
    for entry in entries:
        name = (entry.stage, entry.rule, case_hash(entry.text))
        if name not in known:
            known.add(name)
            add_case(
                policy=policy,
                expect=entry.expect,
                text=entry.text,
                stage=entry.stage,
                rule_id=entry.rule,
                note=entry.note,
            )
            added += 1
    return added


@transaction.atomic
def replace_cases(*, policy: Policy, entries: Sequence[CaseEntry]) -> bool:
    """Give the policy exactly these; gives whether anything changed.

    Raises:
        ValidationError: one is not valid.
    """
    wanted = {(entry.stage, entry.rule, case_hash(entry.text)): entry for entry in entries}
    changed = False
    for case in cases_of(policy):
        entry = wanted.get((case.stage, case.rule_id, case.text_hash))
        if entry is None or (entry.expect, entry.note) != (case.expect, case.note):
            remove_case(case=case)
            changed = True
    return bool(merge_cases(policy=policy, entries=entries)) or changed


def cases_of(policy: Policy) -> Any:
    """The policy's cases, in order."""
    return PolicyCase.objects.filter(policy=policy, tenant=policy.tenant_id)


def entry_of(case: PolicyCase) -> dict[str, Any]:
    """The case as files have it, what is at its default left out."""
    entry: dict[str, Any] = {"expect": case.expect, "text": case.text}
    if case.stage != Stage.INPUT.value:
        entry["stage"] = case.stage
    return entry | {name: value for name, value in (("rule", case.rule_id), ("note", case.note)) if value}


def entries_in(plain: Any, policy: str) -> list[CaseEntry]:
    """The cases of a file's entry.

    Raises:
        ValidationError: one has not the shape of a case; says which.
    """
    found = []
    for number, item in enumerate(plain or (), start=1):
        where = f"{policy}, case {number}"
        try:
            entry = msgspec.convert(item, CaseEntry)
        except msgspec.ValidationError as error:
            raise ValidationError(f"{where}: {error}") from error
        if entry.expect not in Expectation.values:
            raise ValidationError(f"{where}: expect is one of {', '.join(Expectation.values)}.")
        if entry.stage not in set(Stage):
            raise ValidationError(f"{where}: there is no stage {entry.stage!r}.")
        found.append(entry)
    return found


def run_cases(policy: Policy) -> CaseReport:
    """What the draft makes of the policy's cases now."""
    cases = list(cases_of(policy))
    if not cases:
        return CaseReport()
    policies = PolicySet([without_costs(compile_draft(policy))])
    names = {rule["id"]: rule["name"] for rule in policy.rules}
    return CaseReport(tuple(_result(case, policies, names) for case in cases))


def _result(case: PolicyCase, policies: PolicySet, names: Mapping[str, str]) -> CaseResult:
    if case.rule_id and case.rule_id in names and not any(rule.spec.id == case.rule_id for rule in policies.rules):
        return CaseResult(case, True, (), "Not run: the rule asks a model.")
    verdict = judged_alone(policies, Stage(case.stage), case.text)
    found = {match.rule.spec.id for match in verdict.matches if match.action is not Action.ALLOW}
    found_by = tuple(names.get(rule, rule) for rule in sorted(found))
    reason = _reason(case, verdict, found, names)
    return CaseResult(case, not reason, found_by, reason)


def _reason(case: PolicyCase, verdict: Verdict, found: set[str], names: Mapping[str, str]) -> str:
    """Why the case fails; empty: it does not."""
    failed = [one.rule.spec for one in verdict.failures if case.rule_id in ("", one.rule.spec.id)]
    concerned = {case.rule_id} & found if case.rule_id else found
    if case.expect == Expectation.HARMLESS:
        if concerned:
            return f"Found by {', '.join(names.get(rule, rule) for rule in sorted(concerned))}."
    elif not concerned:
        if case.rule_id and case.rule_id not in names:
            return f"The draft has no rule {case.rule_id!r} any more."
        if not failed:
            return f"Not found by {names[case.rule_id]}." if case.rule_id else "No rule finds it."
    else:
        return ""
    return f"{failed[0].name} could not tell." if failed else ""
