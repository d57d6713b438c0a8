"""Stored calls as items of golden sets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError

from evaluation.engine.golden_files import Item, item_of
from evaluation.golden_sets import Origin, put_items
from evaluation.models import GoldenSet, GoldenVersion
from events.models import EventRecord, Run
from events.selectors import MAX_RUN_DURATION, runs_of_tenant

_EVENTS = ("llm.request.started", "llm.request.completed")
_EARLY = timedelta(minutes=5)


def add_call(*, golden_set: GoldenSet, correlation_id: str, expected: str | None = None) -> GoldenVersion:
    """Put what was asked in a call into the set's draft; what was answered is expected, unless told otherwise.

    Raises:
        ValidationError: the tenant has no such call, or nothing is stored of what was asked.
    """
    run = runs_of_tenant(str(golden_set.tenant_id)).filter(correlation_id=correlation_id).first()
    if run is None:
        raise ValidationError("The tenant has no such request.")
    asked, answered = stored_texts(run)
    if asked is None:
        raise ValidationError("Nothing is stored of what was asked in this request.")
    return put_items(
        golden_set=golden_set,
        items=[_item(asked, answered if expected is None else expected, run)],
        source=correlation_id,
        origin=Origin(run.end_user or "", run.started_at),
    )


def stored_texts(run: Run) -> tuple[Any, str]:
    """What is kept of the call: its messages (None: nothing) and the answer's text."""
    rows = EventRecord.objects.filter(
        tenant_id=run.tenant_id,
        correlation_id=run.correlation_id,
        event_type__in=_EVENTS,
        occurred_at__gte=run.started_at - _EARLY,
        occurred_at__lte=run.started_at + MAX_RUN_DURATION,
    )
    asked: Any = None
    answered: Any = None
    for payload in rows.values_list("payload", flat=True):
        asked = payload.get("input") if payload.get("input") is not None else asked
        answered = payload.get("output") if payload.get("output") is not None else answered
    content = answered.get("content") if isinstance(answered, dict) else answered
    return asked, content if isinstance(content, str) else ""


def _item(asked: Any, expected: str, run: Run) -> Item:
    passages = []
    if isinstance(asked, list):
        tools = [one for one in asked if isinstance(one, dict) and one.get("role") == "tool"]
        passages = [one["content"] for one in tools if isinstance(one.get("content"), str)]
    tags = [run.route] if run.route else []
    try:
        return item_of({"input": asked, "expected": expected, "context": passages, "tags": tags})
    except ValueError as problem:
        raise ValidationError(str(problem)) from problem
