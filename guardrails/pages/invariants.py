"""The live tester of an invariant: whether its expressions can be used, and what they say of a call."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.generic import View

from guardrails.engine.invariants.evaluation import OutOfBounds
from guardrails.engine.invariants.facts import Facts
from guardrails.engine.invariants.given_facts import facts_given
from guardrails.engine.invariants.invariant import Invariant, InvariantOptions, checked
from guardrails.engine.invariants.signatures import EvaluationFailed
from guardrails.engine.invariants.syntax import ExpressionError
from guardrails.models import Policy
from guardrails.pages.named_lines import NamedLinesField
from guardrails.pages.option_fields import PREFIX
from guardrails.pages.policy_changes import OfPolicy
from guardrails.stored_texts import stored_call
from tenants.roles import TenantPermission

DEADLINE_MS = 1_000
MAX_LENGTH = 200_000
SAMPLE = """{
  "request": {"messages": [
    {"role": "user", "content": "How much is the basic plan?"},
    {"role": "tool", "content": "Basic: EUR 20.00 a month"}
  ]},
  "response": {"text": "It is 25 EUR a month."},
  "usage": {"input_tokens": 40, "output_tokens": 9},
  "tenant": {"plan": "free"}
}"""


@dataclass(slots=True)
class Problem:
    """What is wrong with an expression, and where."""

    label: str
    message: str
    line: str = ""
    caret: str = ""
    """Blanks up to the place in the line."""


@dataclass(slots=True)
class Outcome:
    """What the page says."""

    problems: list[Problem] = field(default_factory=list)
    empty: bool = False
    state: str = ""
    """``holds``, ``broken``, ``elsewhere`` (not about such calls), ``unknown`` (no answer); empty: there is no call."""
    detail: str = ""
    evidence: list[tuple[str, str]] = field(default_factory=list)
    """Names and values, as JSON."""
    call_problem: str = ""
    microseconds: float = 0.0


class InvariantTry(OfPolicy, View):
    """Checks expressions as they are typed, and tries them on a call. Nothing is stored."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """A fragment with what is wrong, or what the invariant says of the call."""
        policy = self.policy
        source = {name: request.POST.get(PREFIX + name, "")[:MAX_LENGTH] for name in ("expression", "applies_if")}
        outcome = Outcome(empty=not source["expression"].strip())
        if not outcome.empty:
            evidence = NamedLinesField(required=False).to_pairs(request.POST.get(f"{PREFIX}evidence", ""))
            outcome.problems = list(_problems(source, evidence))
        if not outcome.empty and not outcome.problems:
            options = InvariantOptions(
                expression=source["expression"], applies_if=source["applies_if"], evidence=evidence
            )
            self._try(policy, options, outcome)
        return render(request, "console/guardrails/_invariant_outcome.html", {"outcome": outcome})

    def _try(self, policy: Policy, options: InvariantOptions, outcome: Outcome) -> None:
        try:
            facts = self._facts(policy)
        except (ValueError, msgspec.DecodeError) as error:
            outcome.call_problem = str(error)
            return
        if facts is None:
            return
        invariant = Invariant(options)
        began = time.perf_counter()
        try:
            judgement = invariant.judge(facts, DEADLINE_MS)
        except (EvaluationFailed, OutOfBounds) as error:
            outcome.state, outcome.detail = "unknown", str(error)
        else:
            outcome.microseconds = (time.perf_counter() - began) * 1_000_000
            outcome.state = "elsewhere" if not judgement.applies else "holds" if judgement.holds else "broken"
            outcome.evidence = [
                (shown.name, msgspec.json.format(msgspec.json.encode(shown.value), indent=0).decode())
                for shown in judgement.evidence
            ]

    def _facts(self, policy: Policy) -> Facts | None:
        """Of the stored call that is named, or as they were pasted; None: neither."""
        run = self.request.POST.get("run", "").strip()
        if run:
            if policy.tenant_id is None or not self.workspace.may(TenantPermission.VIEW_PAYLOADS):
                raise ValueError("Stored calls are tried in the tenant's own policies, by whoever may read prompts.")
            call = stored_call(str(policy.tenant_id), run[:64])
            if call is None:
                raise ValueError("There is no such call.")
            return call.facts
        pasted = self.request.POST.get("call", "")[:MAX_LENGTH].strip()
        return facts_given(msgspec.json.decode(pasted)) if pasted else None


def _problems(source: dict[str, str], evidence: dict[str, str]) -> Iterator[Problem]:
    conditions = [("Expression", source["expression"], True)]
    if source["applies_if"].strip():
        conditions.append(("Applies if", source["applies_if"], True))
    for label, text, condition in [*conditions, *((name, one, False) for name, one in evidence.items())]:
        try:
            checked(text, condition=condition)
        except ExpressionError as error:
            line = text.split("\n")[error.line - 1] if text else ""
            yield Problem(label, str(error), line, " " * (error.column - 1))
