"""Cases and what the draft makes of them, as people read them."""

from __future__ import annotations

from typing import Any

from guardrails.cases import CaseReport, CaseResult, Expectation, cases_of, run_cases
from guardrails.models import Policy
from guardrails.pages.words import STAGES, Words
from tenants.roles import TenantPermission
from tenants.workspaces import Workspace

EXPECTATIONS: dict[str, Words] = {
    Expectation.HARMLESS: Words("Harmless", "No rule may find anything in it.", "good", "check"),
    Expectation.FOUND: Words("Must be found", "A rule has to find something in it.", "warn", "flag"),
}


def shown_cases(workspace: Workspace, policy: Policy, *, run: bool) -> dict[str, Any]:
    """What the list shows; ``run``: with what the draft makes of each case."""
    report = run_cases(policy) if run else None
    results = report.results if report is not None else [CaseResult(case, True, ()) for case in cases_of(policy)]
    names = {rule["id"]: rule["name"] for rule in policy.rules}
    return {
        "cases": [shown_case(result, names) for result in results],
        "report": report,
        "reads": workspace.may(TenantPermission.VIEW_PAYLOADS),
    }


def shown_case(result: CaseResult, names: dict[str, str]) -> dict[str, Any]:
    """A case in words."""
    case = result.case
    stage = STAGES.get(case.stage)
    return {
        "case": case,
        "result": result,
        "expect": EXPECTATIONS[case.expect],
        "stage": stage.label if stage else case.stage,
        "rule": names.get(case.rule_id, case.rule_id) or "Any rule",
    }


def failing_in_words(report: CaseReport, policy: Policy) -> list[dict[str, Any]]:
    """The failing cases, as the page of a publication lists them."""
    names = {rule["id"]: rule["name"] for rule in policy.rules}
    return [shown_case(result, names) for result in report.failing]
