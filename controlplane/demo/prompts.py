"""The demo's sums of prompts: a week as usual, and an hour yesterday in which half of the questions were other ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from controlplane.demo.configuration import MadeTenant
from controlplane.demo.conversations import questions
from evaluation.models import PromptMinute

DAYS: Final = 8
EVERY: Final = timedelta(minutes=5)
"""One minute of five has a sum: enough to tell, and little to write."""
SHIFTED: Final = (timedelta(hours=7), timedelta(hours=6))
"""Before the end."""
_OTHER: Final = "code"
_PROMPTS: Final = (15, 30)


def add_past_prompts(tenant: MadeTenant, until: datetime, rng: Random) -> None:
    """Of the tenant's first route; nothing where the package with the model is not installed."""
    from embeddings.static import EmbeddingModelMissing, shared_embedder

    try:
        embedder = shared_embedder()
    except EmbeddingModelMissing:
        return
    usual, other = ([embedder.embed(text) for text in questions(topic)] for topic in (tenant.plan.topic, _OTHER))
    end = until.replace(second=0, microsecond=0)
    shifted_from, shifted_to = (end - ago for ago in SHIFTED)
    rows = []
    at = end - timedelta(days=DAYS)
    while at < end:
        share = 0.5 if shifted_from <= at < shifted_to else 0.0
        rows.append(_minute(tenant, at, rng, usual, other, share))
        at += EVERY
    PromptMinute.objects.bulk_create(rows, batch_size=500)


def _minute(
    tenant: MadeTenant, at: datetime, rng: Random, usual: list[Any], other: list[Any], share: float
) -> PromptMinute:
    drawn = [rng.choice(other if rng.random() < share else usual) for _ in range(rng.randint(*_PROMPTS))]
    total = sum(drawn[1:], drawn[0])
    return PromptMinute(
        tenant=tenant.row,
        route=tenant.plan.routes[0].name,
        start=at,
        prompts=len(drawn),
        total=total.astype("<f4").tobytes(),
    )
