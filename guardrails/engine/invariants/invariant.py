"""One invariant: what must be true of a call, and what is shown where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

import msgspec

from contracts.guardrails import Action, RuleSpec
from guardrails.engine.invariants.checking import Checked, check, check_condition
from guardrails.engine.invariants.evaluation import Frame, Run, compiled
from guardrails.engine.invariants.evidence import Evidence, Shown
from guardrails.engine.invariants.facts import VARIABLES, Facts
from guardrails.engine.invariants.signatures import EvaluationFailed
from guardrails.engine.invariants.syntax import ExpressionError

CODE: Final = {"written": "cel"}
"""By which forms know that a text is an expression."""
Source = Annotated[str, msgspec.Meta(extra=CODE)]
MAX_EVIDENCE: Final = 20
"""Named expressions."""


class InvariantOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must be true; :func:`problems_of` says what is wrong with the expressions."""

    expression: Source
    """What must be true of every call, in CEL."""
    applies_if: Source = ""
    """The calls that it is about, in CEL; empty: all."""
    why: str = ""
    """Why it must be so, for whoever reads the event."""
    evidence: dict[str, str] = {}
    """What events show of a call that breaks it: CEL by name. Empty: the fields that the expression asks for, and the
    first item for which it is not true."""
    when: Literal["inline", "after"] = "inline"
    """Before the answer goes out, so that it can be withheld, or after it, which costs the caller no time and can only
    flag."""


class Judgement(msgspec.Struct, frozen=True):
    """What an invariant says of a call."""

    holds: bool
    applies: bool = True
    """False: it is not about such calls."""
    evidence: tuple[Shown, ...] = ()
    """Of a call that breaks it."""


class Invariant:
    """A compiled invariant; safe to share between threads.

    Raises:
        ExpressionError: one of its expressions cannot be used.
    """

    def __init__(self, options: InvariantOptions) -> None:
        self.why = options.why
        self.after = options.when == "after"
        self._condition = check_condition(options.expression, VARIABLES)
        self._holds = compiled(self._condition)
        self._applies: Run | None = None
        if options.applies_if.strip():
            self._applies = compiled(check_condition(options.applies_if, VARIABLES))
        self._evidence = Evidence(options.evidence, self._condition)

    def judge(self, facts: Facts, deadline_ms: float) -> Judgement:
        """Whether the call is as it must be.

        Raises:
            EvaluationFailed: the facts do not answer it; the message holds nothing of them.
            OutOfBounds: it took too long.
        """
        frame = Frame({name: getattr(facts, name) for name in VARIABLES}, deadline_ms)
        if self._applies is not None and not _truth(self._applies(frame)):
            return Judgement(holds=True, applies=False)
        if _truth(self._holds(frame)):
            return Judgement(holds=True)
        return Judgement(holds=False, evidence=self._evidence.of(frame))


def _truth(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise EvaluationFailed("the expression gives neither true nor false")


def problems_of(options: InvariantOptions) -> Iterator[tuple[str, str]]:
    """What is wrong with its expressions: name of the option, and the sentence."""
    conditions = [("expression", options.expression), ("applies_if", options.applies_if)]
    for name, source in conditions:
        if (name == "expression" or source.strip()) and (problem := problem_of(source, condition=True)):
            yield name, problem
    if len(options.evidence) > MAX_EVIDENCE:
        yield "evidence", f"At most {MAX_EVIDENCE} values are shown."
    for name, source in options.evidence.items():
        if not name.strip() or len(name) > 100:
            yield "evidence", "Each value has a name of at most 100 characters."
        elif problem := problem_of(source, condition=False):
            yield "evidence", f"{name}: {problem}"


def problem_of(source: str, *, condition: bool) -> str:
    """Why the expression cannot be used, with the place; empty where it can."""
    try:
        checked(source, condition=condition)
    except ExpressionError as error:
        return str(error)
    return ""


def checked(source: str, *, condition: bool) -> Checked:
    """The expression over facts; ``condition``: it must say what is true or false.

    Raises:
        ExpressionError: it is none.
    """
    return (check_condition if condition else check)(source, VARIABLES)


def rule_problems(rule: RuleSpec) -> Iterator[tuple[str, str]]:
    """What is wrong with a rule of this kind that its options alone do not show."""
    if rule.options.get("when") == "after" and rule.action is not Action.FLAG:
        yield "action", "After the answer has gone out a rule can only flag; choose inline to hold it back."
