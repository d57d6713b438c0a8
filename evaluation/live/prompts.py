"""Sums of prompts by the minute: added to what is there, and read for whoever looks at how prompts change."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Q

from contracts.prompt_sums import PromptSum, Stretches
from evaluation.models import PromptMinute


@transaction.atomic
def add_prompts(*, tenant_id: uuid.UUID, sums: Sequence[PromptSum]) -> None:
    """Add them to their minutes."""
    import numpy as np

    by_minute: dict[tuple[datetime, str], tuple[int, np.ndarray]] = {}
    for one in sums:
        key = (datetime.fromtimestamp(one.start_s, UTC), one.route[:200])
        prompts, total = by_minute.get(key, (0, np.zeros(len(one.total) // 4, "<f4")))
        by_minute[key] = (prompts + one.prompts, total + np.frombuffer(one.total, "<f4"))
    # In one order, so that no two workers wait for each other.
    for (start, route), (prompts, total) in sorted(by_minute.items(), key=lambda item: item[0]):
        rows = PromptMinute.objects.for_tenant(tenant_id).select_for_update()
        row, made = rows.get_or_create(
            tenant_id=tenant_id, start=start, route=route, defaults={"prompts": prompts, "total": total.tobytes()}
        )
        if not made:
            row.prompts += prompts
            row.total = (np.frombuffer(bytes(row.total), "<f4") + total).tobytes()
            row.save(update_fields=["prompts", "total"])


def read_prompts(tenant_id: uuid.UUID, route: str, stretches: Stretches) -> list[PromptSum]:
    """Of these times, of one route or (empty) of all."""
    times = Q()
    for start_s, end_s in stretches:
        times |= Q(start__gte=datetime.fromtimestamp(start_s, UTC), start__lt=datetime.fromtimestamp(end_s, UTC))
    rows = PromptMinute.objects.for_tenant(tenant_id).filter(times).order_by("start", "route")
    if route:
        rows = rows.filter(route=route)
    found = rows.values_list("start", "route", "prompts", "total")
    return [PromptSum(int(start.timestamp()), name, prompts, bytes(total)) for start, name, prompts, total in found]
