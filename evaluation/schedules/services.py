"""What changes schedules of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction

from evaluation.models import Evaluator, GoldenSet
from evaluation.runs import MOST_EVALUATORS, MOST_VARIANTS, VariantChoice
from evaluation.schedules.rows import RunSchedule
from tenants.actor import current_actor
from tenants.changes import delete_row, save_row, with_fields
from tenants.scheduled import keep_in_step


class ScheduledVariant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A :class:`VariantChoice` as a schedule keeps it."""

    name: str
    model: str
    system_prompt: str = ""
    template: str = ""
    policy: str = ""
    """Its id; empty: as in force."""
    policy_version: int | None = None


def kept(choice: VariantChoice) -> dict[str, Any]:
    """The variant as it stands in a schedule's row."""
    fields = ("name", "model", "system_prompt", "template", "policy_version")
    policy = "" if choice.policy is None else str(choice.policy.pk)
    found = ScheduledVariant(policy=policy, **{name: getattr(choice, name) for name in fields})
    plain: dict[str, Any] = msgspec.to_builtins(found)
    return plain


@transaction.atomic
def create_run_schedule(
    *,
    golden_set: GoldenSet,
    name: str,
    variants: Sequence[VariantChoice],
    evaluators: Sequence[Evaluator],
    **fields: Any,
) -> RunSchedule:
    """A new schedule; the first run is when it is due next.

    Raises:
        ValidationError: a field is not valid, or the tenant has a schedule of this name.
    """
    row = RunSchedule(
        tenant=golden_set.tenant, golden_set=golden_set, name=name.strip(), author=current_actor().name[:200]
    )
    _describe(row, variants, evaluators)
    return keep_in_step(_saved(with_fields(row, fields)), anew=True)


@transaction.atomic
def update_run_schedule(
    *,
    schedule: RunSchedule,
    variants: Sequence[VariantChoice] | None = None,
    evaluators: Sequence[Evaluator] | None = None,
    **fields: Any,
) -> RunSchedule:
    """Change these fields. With another cadence, or switched on, it is due only for what comes after.

    Raises:
        ValidationError: a field is not valid.
    """
    before = (schedule.enabled, schedule.cadence)
    if variants is not None or evaluators is not None:
        _describe(schedule, variants, evaluators)
    row = _saved(with_fields(schedule, fields))
    anew = row.enabled and before != (row.enabled, row.cadence)
    return keep_in_step(row, anew=anew)


@transaction.atomic
def delete_run_schedule(*, schedule: RunSchedule) -> None:
    """Runs that it started stay."""
    delete_row(schedule)


def _describe(
    row: RunSchedule, variants: Sequence[VariantChoice] | None, evaluators: Sequence[Evaluator] | None
) -> None:
    if variants is not None:
        names = [one.name for one in variants]
        if not 1 <= len(variants) <= MOST_VARIANTS or len(set(names)) < len(names):
            raise ValidationError({"variants": f"A run has 1 to {MOST_VARIANTS} variants, each with its own name."})
        row.variants = [kept(one) for one in variants]
    if evaluators is not None:
        if len(evaluators) > MOST_EVALUATORS:
            raise ValidationError({"evaluators": f"A run has at most {MOST_EVALUATORS} evaluators."})
        row.evaluators = [str(one.pk) for one in evaluators]


def _saved(row: RunSchedule) -> RunSchedule:
    if row.version is not None and row.version.golden_set_id != row.golden_set_id:
        raise ValidationError({"version": "This is a version of another golden set."})
    if row.gate is not None and row.gate.golden_set_id != row.golden_set_id:
        raise ValidationError({"gate": "This gate is another golden set's."})
    return save_row(row)
