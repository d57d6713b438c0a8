"""Which kinds of evaluators have something to say about live calls, for which nobody wrote down what is right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from evaluation.engine.evaluators.registry import kinds
from evaluation.models import Evaluator

NEED_EXPECTED: Final = frozenset({"exact", "similarity", "bleu", "rouge", "chrf", "pairwise"})
"""Kinds that hold an answer to the expected one."""


def is_live(kind: str) -> bool:
    """Whether the kind can score a live call."""
    return kind in kinds() and kind not in NEED_EXPECTED


def is_deep(kind: str) -> bool:
    """Whether it costs money, so that a further share of the sampled calls is enough."""
    found = kinds().get(kind)
    return found is not None and found.judges


def live_evaluators(tenant_id: Any) -> Iterator[Evaluator]:
    """Those of the tenant that a live evaluation may ask."""
    return (row for row in Evaluator.objects.filter(tenant_id=tenant_id) if is_live(row.kind))
