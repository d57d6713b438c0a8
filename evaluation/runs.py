"""Runs as people ask for them: begun, stopped, taken up again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction

from contracts.events import EvalRunStarted, EventContext
from evaluation.engine.evaluators.registry import options_of
from evaluation.golden_sets import BATCH, freeze, usable_items_of
from evaluation.models import EvalRun, Evaluator, GoldenVersion, RunItem, Variant
from guardrails.models import Policy, PolicyVersion
from tenants.actor import current_actor
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.callable_names import callable_names
from tenants.emitting import emit
from tenants.models import Tenant

MOST_VARIANTS: Final = 6
MOST_EVALUATORS: Final = 20
MAX_CONCURRENCY: Final = 32
PLACES: Final = ("{{input}}", "{{context}}")
"""What a template has to hold at least one of."""
State = EvalRun.State


class VariantChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What is to answer."""

    name: str
    model: str
    system_prompt: str = ""
    template: str = ""
    policy: Policy | None = None
    policy_version: int | None = None


@transaction.atomic
def start_run(
    *,
    version: GoldenVersion,
    name: str,
    variants: Sequence[VariantChoice],
    evaluators: Sequence[Evaluator],
    split: str = "",
    concurrency: int = 4,
    max_output_tokens: int = 1_024,
    budget_nanousd: int | None = None,
    judge_budget_nanousd: int | None = None,
) -> EvalRun:
    """Have the variants answer the version's items, and the evaluators score the answers; the version is frozen.

    Raises:
        ValidationError: something is missing or not valid, by the names of the fields.
    """
    tenant = version.tenant
    _check(tenant, variants, evaluators)
    freeze(version)
    rows = usable_items_of(version).filter(**({"split": split} if split else {}))
    run = EvalRun(
        tenant=tenant,
        version=version,
        name=name.strip(),
        split=split,
        evaluators=[{"name": one.name, "kind": one.kind, "options": one.options} for one in evaluators],
        concurrency=concurrency,
        max_output_tokens=max_output_tokens,
        budget_nanousd=budget_nanousd,
        judge_budget_nanousd=judge_budget_nanousd,
        total=rows.count(),
        requested_by=current_actor().name,
    )
    if not run.total:
        raise ValidationError({"split": "There are no items of this split." if split else "The version has no items."})
    said = {"name", "split", "concurrency", "max_output_tokens", "budget_nanousd", "judge_budget_nanousd"}
    run.clean_fields(exclude={field.name for field in run._meta.concrete_fields} - said)
    run.save(force_insert=True)
    Variant.objects.bulk_create(_variant(run, place, choice) for place, choice in enumerate(variants))
    for batch in _batches(run, rows.values_list("pk", flat=True).iterator(chunk_size=BATCH)):
        RunItem.objects.bulk_create(batch)
    _told(run, AuditEntry.Action.CREATED, {"variants": [one.name for one in variants], "items": run.total})
    return run


@transaction.atomic
def stop_run(*, run: EvalRun) -> EvalRun:
    """Begin no further call; those under way are still paid and kept.

    Raises:
        ValidationError: it has ended.
    """
    row = _locked(run)
    if row.ended_at is not None:
        raise ValidationError("The run has ended.")
    row.stop_requested = True
    row.save(update_fields=["stop_requested"])
    note(
        AuditEntry.Action.UPDATED,
        object_type=row.work_type,
        object_id=str(row.pk),
        object_name=row.name,
        tenant_id=row.tenant_id,
        details={"stop_requested": True},
    )
    _begin(row)
    return row


@transaction.atomic
def resume_run(*, run: EvalRun, budget_nanousd: int | None = None, judge_budget_nanousd: int | None = None) -> EvalRun:
    """Go on with what is left of a run that was stopped or failed; budgets that are given take the place of its own.

    Raises:
        ValidationError: it is under way, or there is nothing left.
    """
    row = _locked(run)
    if row.state not in (State.STOPPED, State.FAILED):
        raise ValidationError("Only a run that was stopped, or failed, can be taken up again.")
    row.state, row.ended_at, row.error, row.stop_requested, row.worker = State.WAITING, None, "", False, ""
    row.heartbeat_at = None
    row.budget_nanousd = row.budget_nanousd if budget_nanousd is None else budget_nanousd
    row.judge_budget_nanousd = row.judge_budget_nanousd if judge_budget_nanousd is None else judge_budget_nanousd
    row.save()
    _told(row, AuditEntry.Action.UPDATED, {"resumed": True, "left": row.total - row.done})
    return row


def _locked(run: EvalRun) -> EvalRun:
    found: EvalRun = EvalRun.objects.for_tenant(run.tenant_id).select_for_update(of=("self",)).get(pk=run.pk)
    return found


def _check(tenant: Tenant, variants: Sequence[VariantChoice], evaluators: Sequence[Evaluator]) -> None:
    if not 1 <= len(variants) <= MOST_VARIANTS:
        raise ValidationError({"variants": f"A run has 1 to {MOST_VARIANTS} variants."})
    names = [one.name.strip() for one in variants]
    if not all(names) or len(set(names)) < len(names):
        raise ValidationError({"variants": "Each variant has a name of its own."})
    if len(evaluators) > MOST_EVALUATORS:
        raise ValidationError({"evaluators": f"A run has at most {MOST_EVALUATORS} evaluators."})
    for evaluator in evaluators:
        try:
            options_of(evaluator.kind, evaluator.options)
        except ValueError as problem:
            raise ValidationError({"evaluators": f"{evaluator.name}: {problem}"}) from problem
    known = callable_names(tenant.pk)
    for choice in variants:
        _check_variant(choice, {*known.routes, *known.models})


def _check_variant(choice: VariantChoice, known: set[str]) -> None:
    if choice.model not in known:
        raise ValidationError({"variants": f"{choice.name}: there is no route or model {choice.model!r}."})
    if choice.template and not any(place in choice.template for place in PLACES):
        raise ValidationError({"variants": f"{choice.name}: the template has no {{{{input}}}}."})
    if choice.policy is None:
        return
    versions = PolicyVersion.objects.filter(tenant=choice.policy.tenant_id, policy=choice.policy)
    if not versions.filter(number=choice.policy_version).exists():
        raise ValidationError({"variants": f"{choice.name}: the policy has no such version."})


def _variant(run: EvalRun, place: int, choice: VariantChoice) -> Variant:
    return Variant(
        tenant=run.tenant,
        run=run,
        position=place,
        name=choice.name.strip(),
        model=choice.model,
        system_prompt=choice.system_prompt,
        template=choice.template,
        policy=choice.policy,
        policy_version=choice.policy_version,
    )


def _batches(run: EvalRun, keys: Iterator[uuid.UUID]) -> Iterator[list[RunItem]]:
    place = 0
    while found := list(islice(keys, BATCH)):
        yield [RunItem(tenant=run.tenant, run=run, item_id=key, position=place + at) for at, key in enumerate(found)]
        place += len(found)


def _told(run: EvalRun, action: AuditEntry.Action, details: dict[str, Any]) -> None:
    note(
        action,
        object_type=run.work_type,
        object_id=str(run.pk),
        object_name=run.name,
        tenant_id=run.tenant_id,
        details=details,
    )
    variants = Variant.objects.filter(tenant=run.tenant_id, run=run).values_list("name", flat=True)
    event = EvalRunStarted(
        run_id=str(run.pk),
        name=run.name,
        golden_set=run.version.golden_set.name,
        version=run.version.number,
        items=run.total,
        variants=list(variants),
        evaluators=[one["name"] for one in run.evaluators],
        actor=current_actor().name,
    )
    transaction.on_commit(lambda: emit(event, EventContext(tenant_id=str(run.tenant_id))), robust=True)
    _begin(run)


def _begin(run: EvalRun) -> None:
    from evaluation.tasks import work_on_run

    transaction.on_commit(lambda: work_on_run.delay(str(run.pk)), robust=True)
