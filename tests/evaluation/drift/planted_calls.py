"""Calls and samples of many hours, planted where the product keeps them, and monitors that look at them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from contracts.ids import new_correlation_id
from evaluation.drift.keeping import claimed, look_once
from evaluation.drift.services import create_monitor
from evaluation.models import DriftCheck, DriftFinding, DriftMonitor, DriftState, LiveSample
from events.models import Run, RunState
from tenants.models import Tenant

NOW = datetime(2026, 6, 17, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEW_TOPIC = 20
Fields = Callable[[np.random.Generator], dict[str, Any]]


def usual(chance: np.random.Generator) -> dict[str, Any]:
    return {
        "duration_ms": float(chance.lognormal(6.5, 0.5)),
        "input_tokens": int(chance.lognormal(5, 0.6)),
        "output_tokens": int(chance.lognormal(4, 0.6)),
        "cost_nanousd": int(chance.lognormal(13, 0.4)),
        "finish_reason": "stop",
        "state": RunState.FAILED if chance.random() < 0.02 else RunState.COMPLETED,
    }


def calls(
    tenant: Tenant, count: int, since: datetime, until: datetime, *, seed: int, fields: Fields = usual, **fixed: Any
) -> list[Run]:
    """So many calls, evenly between the two."""
    chance = np.random.default_rng(seed)
    step = (until - since) / count
    rows = []
    for number in range(count):
        began = since + step * number
        given = {"route": "support", "model": "gpt-mini", "provider": "openai", "key_id": "key", **fields(chance)}
        rows.append(
            Run(
                correlation_id=new_correlation_id(),
                trace_id="t",
                tenant_id=str(tenant.pk),
                started_at=began,
                ended_at=began + timedelta(seconds=1),
                **{"state": RunState.COMPLETED, **given, **fixed},
            )
        )
    return Run.objects.bulk_create(rows)


def topics(count: int, *, seed: int, share_of_new: float = 0.0) -> np.ndarray:
    """Unit vectors around twenty topics, a share of them around another one."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(0, 1, (21, 256))
    topic = _topic_of_each(count, chance, share_of_new)
    rows = centres[topic] + chance.normal(0, 2.0, (count, 256))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _topic_of_each(count: int, chance: np.random.Generator, share_of_new: float) -> np.ndarray:
    return np.where(chance.random(count) < share_of_new, NEW_TOPIC, chance.integers(0, NEW_TOPIC, count))


def new_ones(count: int, *, seed: int, share_of_new: float) -> list[int]:
    """Which of the vectors of :func:`topics` are around the new one."""
    return list(np.flatnonzero(_topic_of_each(count, np.random.default_rng(seed), share_of_new) == NEW_TOPIC))


def samples(
    tenant: Tenant,
    count: int,
    since: datetime,
    until: datetime,
    *,
    seed: int,
    share_of_new: float = 0.0,
    embedded: bool = True,
    **fixed: Any,
) -> list[LiveSample]:
    vectors = topics(count, seed=seed, share_of_new=share_of_new)
    step = (until - since) / count
    return LiveSample.objects.bulk_create(
        LiveSample(
            tenant=tenant,
            run_id=new_correlation_id(),
            at=since + step * number,
            **{
                "route": "support",
                "input_language": "en",
                "input_embedding": vectors[number] if embedded else None,
                **fixed,
            },
        )
        for number in range(count)
    )


def monitor_of(tenant: Tenant, **fields: Any) -> DriftMonitor:
    """Compares an hour with the one before, and believes the first look."""
    given = {
        "name": "Support",
        "signals": ["latency"],
        "window_minutes": 60,
        "reference": "previous",
        "periods": 1,
        "confirm": 1,
    }
    return create_monitor(tenant=tenant, **{**given, **fields})


def looked(monitor: DriftMonitor, now: datetime = NOW) -> DriftCheck:
    """It looks, as its worker would have it."""
    DriftState.objects.filter(monitor=monitor).update(next_look_at=now)
    mine = claimed("test", now)
    assert mine == monitor
    check = look_once(mine, "test", now)
    assert check is not None
    return check


def found_in(check: DriftCheck) -> dict[tuple[str, str], DriftFinding]:
    rows = DriftFinding.objects.filter(check_row=check)
    return {(row.signal, row.segment): row for row in rows}
