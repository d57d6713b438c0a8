"""Gates: a candidate is held to what a baseline scored on the same items."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec
from django.core.exceptions import ValidationError
from django.utils import timezone

from contracts.events import EvalGateChecked, EventContext
from evaluation.models import EvalRun, Gate, GoldenSet, Variant
from evaluation.summaries import HIGHER_IS_BETTER, MEASURES, SEED, Values, values_of
from tenants.actor import current_actor
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.changes import delete_row, save_row, with_fields
from tenants.emitting import emit
from tenants.models import Tenant

EXITS: Final = {"pass": 0, "fail": 1, "undecided": 0}
"""Exit codes of commands: a deploy is held back by what is proven."""
STRICT_EXITS: Final = {**EXITS, "undecided": 2}
"""Where a deploy has to prove that it is no worse."""


class GateOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What holding a candidate to a gate came to; scores are 0 to 1."""

    outcome: str
    """``pass`` | ``fail`` | ``undecided``."""
    why: str
    """A sentence with the figures."""
    drop: float | None
    """Of the mean score; negative: it rose."""
    low: float | None
    """The least drop that the scores leave possible, at the gate's confidence."""
    high: float | None
    """The largest."""
    items: int
    """That both scored."""
    needed: int | None
    """Items with which a candidate that is as good as the baseline would be found so, in four of five checks."""
    baseline_mean: float | None
    candidate_mean: float | None
    checked_at: str

    def exit_code(self, *, strict: bool = False) -> int:
        """Of a command: 0 pass, 1 fail; undecided is 0, or 2 when ``strict``."""
        return (STRICT_EXITS if strict else EXITS)[self.outcome]


def create_gate(*, golden_set: GoldenSet, name: str, evaluator: str, **fields: Any) -> Gate:
    """A new gate of the set.

    Raises:
        ValidationError: a field is not valid, or the tenant has a gate of this name.
    """
    _check_measure(evaluator)
    row = Gate(tenant=golden_set.tenant, golden_set=golden_set, name=name, evaluator=evaluator)
    return save_row(with_fields(row, fields))


def update_gate(*, gate: Gate, **fields: Any) -> Gate:
    """Change what it demands.

    Raises:
        ValidationError: a field is not valid.
    """
    _check_measure(fields.get("evaluator", gate.evaluator))
    return save_row(with_fields(gate, fields))


def delete_gate(*, gate: Gate) -> None:
    """Hold nothing to it any more."""
    delete_row(gate)


def check_gate(*, gate: Gate, candidate: Variant, baseline: Variant) -> GateOutcome:
    """Whether the candidate's score has fallen by more than the gate allows; audited and told.

    Items are paired by key where both versions have them with the same content.

    Raises:
        ValidationError: a run is not of the gate's set, has not ended, or has no such evaluator.
    """
    for variant in (candidate, baseline):
        _check_run(gate, variant)
    before, after = _paired(gate, baseline, candidate)
    outcome = judged(gate, before, after)
    details = {**msgspec.to_builtins(outcome), "candidate": str(candidate.run_id), "baseline": str(baseline.run_id)}
    note(
        AuditEntry.Action.UPDATED,
        object_type="gate",
        object_id=str(gate.pk),
        object_name=gate.name,
        tenant_id=gate.tenant_id,
        details={"checked": details},
    )
    emit(
        EvalGateChecked(
            gate_id=str(gate.pk),
            name=gate.name,
            evaluator=gate.evaluator,
            outcome=outcome.outcome,
            drop=outcome.drop,
            items=outcome.items,
            candidate_run_id=str(candidate.run_id),
            baseline_run_id=str(baseline.run_id),
            actor=current_actor().name,
        ),
        EventContext(tenant_id=str(gate.tenant_id)),
    )
    return outcome


def judged(gate: Gate, before: list[float | None], after: list[float | None]) -> GateOutcome:
    """What these scores, item by item, come to."""
    from evaluation.engine.statistics import not_worse

    higher = HIGHER_IS_BETTER.get(gate.evaluator, True)
    decision = not_worse(
        before, after, margin=gate.max_drop, confidence=gate.confidence, higher_is_better=higher, seed=SEED
    )
    found, outcome = decision.interval, decision.verdict.value
    pairs = [(a, b) for a, b in zip(before, after, strict=True) if a is not None and b is not None]
    drop, low, high = (_finite(-value) for value in (found.estimate, found.high, found.low))
    return GateOutcome(
        outcome=outcome,
        why=_sentence(gate, outcome, drop, low, high, found.n, decision.needed),
        drop=drop,
        low=low,
        high=high,
        items=found.n,
        needed=decision.needed,
        baseline_mean=sum(a for a, _ in pairs) / len(pairs) if pairs else None,
        candidate_mean=sum(b for _, b in pairs) / len(pairs) if pairs else None,
        checked_at=timezone.now().isoformat(),
    )


def variant_for(tenant: Tenant, reference: str) -> Variant:
    """The variant that a command or the API names: the id of a run, ``run/variant``, or a variant's id.

    Raises:
        ValidationError: the tenant has none, or the run has several and none is named.
    """
    run_id, _, name = reference.partition("/")
    rows = Variant.objects.for_tenant(tenant)
    try:
        found = list(rows.filter(run=run_id).select_related("run__version").order_by("position"))
        named = [one for one in found if one.name == name] if name else found
        if not found:
            named = list(rows.filter(pk=run_id).select_related("run__version"))
    except (ValidationError, ValueError) as error:
        raise ValidationError(f"{reference!r} is no id of a run or variant.") from error
    if not named:
        raise ValidationError(f"There is no run or variant {reference!r}.")
    if len(named) > 1:
        raise ValidationError(f"The run has {len(named)} variants; write RUN/VARIANT to choose one.")
    chosen: Variant = named[0]
    return chosen


def _check_measure(name: str) -> None:
    if name in MEASURES and name != "answered":
        raise ValidationError({"evaluator": "A gate holds a score from 0 to 1: an evaluator's, or “answered”."})


def _check_run(gate: Gate, variant: Variant) -> None:
    run: EvalRun = variant.run
    if run.version.golden_set_id != gate.golden_set_id:
        raise ValidationError(f"The run {run.name!r} is not over the golden set of this gate.")
    if run.state != EvalRun.State.DONE:
        raise ValidationError(f"The run {run.name!r} is not done yet: it is {run.state}.")
    known = {one["name"] for one in run.evaluators} | set(MEASURES)
    if gate.evaluator not in known:
        raise ValidationError(f"The run {run.name!r} was not scored by {gate.evaluator!r}.")


def _paired(gate: Gate, baseline: Variant, candidate: Variant) -> tuple[list[float | None], list[float | None]]:
    before, after = values_of(baseline, gate.evaluator), values_of(candidate, gate.evaluator)
    keys = sorted(before.keys() & after.keys())
    if baseline.run.version_id != candidate.run.version_id:
        was, now = _digests(baseline), _digests(candidate)
        keys = [key for key in keys if was[key] == now[key]]
    return [before[key] for key in keys], [after[key] for key in keys]


def _digests(variant: Variant) -> Values | dict[Any, Any]:
    rows = variant.run.version.rows.filter(tenant=variant.tenant_id)
    return dict(rows.values_list("key", "digest"))


def _sentence(
    gate: Gate, outcome: str, drop: float | None, low: float | None, high: float | None, n: int, needed: int | None
) -> str:
    if drop is None or low is None or high is None:
        return f"{n} items have scores of both: too few to tell."
    moved = f"fell by {drop * 100:.1f}" if drop >= 0 else f"rose by {-drop * 100:.1f}"
    figures = f"{gate.evaluator} {moved} points over {n:,} items"
    span = f"between {low * 100:.1f} and {high * 100:.1f} points lost at {gate.confidence:.0%} confidence"
    allowed = f"{gate.max_drop * 100:g} points are allowed"
    if outcome == "fail":
        return f"{figures} ({span}): more than the {allowed.replace(' are allowed', '')} that are allowed."
    if outcome == "pass":
        return f"{figures} ({span}): {allowed}."
    more = f" About {needed:,} items would be enough to tell." if needed and needed > n else ""
    return f"{figures} ({span}): that proves neither; {allowed}.{more}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
