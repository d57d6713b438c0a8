"""What changes evaluators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from evaluation.engine.evaluators.registry import options_of
from evaluation.models import Evaluator
from tenants.changes import delete_row, save_row
from tenants.models import Tenant


def create_evaluator(*, tenant: Tenant, name: str, kind: str, options: Mapping[str, Any] | None = None) -> Evaluator:
    """A new evaluator.

    Raises:
        ValidationError: there is no such kind, its options are not valid, or the name is taken.
    """
    plain = dict(options or {})
    _check(kind, plain)
    return save_row(Evaluator(tenant=tenant, name=name, kind=kind, options=plain))


def update_evaluator(
    *, evaluator: Evaluator, name: str | None = None, options: Mapping[str, Any] | None = None
) -> Evaluator:
    """Change its name or options; runs keep what they were asked for with.

    Raises:
        ValidationError: the options are not valid, or the name is taken.
    """
    evaluator.name = evaluator.name if name is None else name
    if options is not None:
        _check(evaluator.kind, options)
        evaluator.options = dict(options)
    return save_row(evaluator)


def delete_evaluator(*, evaluator: Evaluator) -> None:
    """Delete it; runs that used it keep their scores."""
    delete_row(evaluator)


def _check(kind: str, options: Mapping[str, Any]) -> None:
    try:
        options_of(kind, options)
    except ValueError as problem:
        raise ValidationError({"options": str(problem)}) from problem
