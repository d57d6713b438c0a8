"""A worker at a tenant's queue: samples and scores of each call in one transaction, and then the call is put away.

A worker that dies in between leaves calls that the next one reads again; a sample is written once, whoever writes it.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from django.db import transaction
from django.db.models import F

from contracts.events import EventContext, ScoreRecorded
from contracts.live_samples import HandedCall
from contracts.specs import PayloadStorage
from contracts.tenant_scope import across_tenants
from evaluation.live.asking import LiveScorer, scorers_of
from evaluation.live.examples import asked_in, declines, embedding_of, language_of, moment_of
from evaluation.live.prompts import add_prompts
from evaluation.live.queue import Handed, LiveQueue, waiting
from evaluation.models import LiveEvaluation, LiveLoss, LiveSample, LiveScore
from events.engine.redaction import redact_json
from tenants.emitting import emit
from tenants.models import Tenant

log = logging.getLogger(__name__)

_decode = msgspec.msgpack.Decoder(HandedCall).decode


def tenants_waiting() -> list[str]:
    """The tenants that have live evaluations, and something in their queue."""
    with across_tenants("who has work for scorers is asked of all tenants"):
        ids = LiveEvaluation.objects.order_by().values_list("tenant_id", flat=True).distinct()
        return waiting(map(str, ids))


def score_calls(tenant_id: uuid.UUID, *, for_s: float) -> int:
    """Score what the tenant's queue holds, for so long at most; how many calls were written.

    Nothing where another worker is at it.
    """
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    queue = LiveQueue(str(tenant_id))
    if tenant is None or not queue.taken():
        return 0
    written, until = 0, time.monotonic() + for_s
    try:
        note_losses(tenant_id, queue.losses())
        # First of all: rules wait for them, and they take no time.
        while time.monotonic() < until and (sums := queue.prompt_sums()):
            add_prompts(tenant_id=tenant_id, sums=sums)
        scorers = scorers_of(tenant_id)
        while time.monotonic() < until and (batch := queue.next()):
            written += _batch(tenant, scorers, batch)
            queue.put_away(one.entry for one in batch)
    finally:
        queue.give_back()
    return written


def note_losses(tenant_id: uuid.UUID, losses: dict[str, int]) -> None:
    """Add to what was lost in this hour."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for reason, calls in losses.items():
        row, _ = LiveLoss.objects.get_or_create(tenant_id=tenant_id, hour=hour, reason=reason)
        LiveLoss.objects.for_tenant(tenant_id).filter(pk=row.pk).update(calls=F("calls") + calls)


def _batch(tenant: Tenant, scorers: dict[str, LiveScorer], batch: Sequence[Handed]) -> int:
    calls = [(call, one.wanted) for one in batch if (call := _decoded(tenant, one)) is not None]
    ids = [call.run_id for call, _ in calls]
    known = set(LiveSample.objects.for_tenant(tenant).filter(run_id__in=ids).values_list("run_id", flat=True))
    fresh = [(call, _wanted(scorers, wanted)) for call, wanted in calls if call.run_id not in known]
    for call, asked in fresh:
        for scorer in asked:
            scorer.begin(call)
    for call, asked in fresh:
        write(tenant, call, [score for scorer in asked for score in scorer.scores(call)])
        if asked:
            asked[0].before.forget(call.run_id)
    return len(fresh)


def _wanted(scorers: dict[str, LiveScorer], wanted: Sequence[str]) -> list[LiveScorer]:
    return [scorers[one] for one in wanted if one in scorers]


def _decoded(tenant: Tenant, one: Handed) -> HandedCall | None:
    if not one.packed:
        return None
    try:
        return _decode(one.packed)
    except msgspec.DecodeError as error:
        log.warning("a sampled call cannot be read: %s", error)
        note_losses(tenant.pk, {LiveLoss.Reason.BROKEN.value: 1})
        return None


@transaction.atomic
def write(tenant: Tenant, call: HandedCall, scores: Sequence[LiveScore]) -> LiveSample | None:
    """The sample with its scores; each score is told once they are there. None where somebody has written it."""
    sample = sample_of(tenant, call)
    if not LiveSample.objects.bulk_create([sample], ignore_conflicts=True):
        return None
    sample_id = LiveSample.objects.for_tenant(tenant).filter(run_id=call.run_id).values_list("pk", flat=True).get()
    if sample_id != sample.pk:
        return None
    for score in scores:
        # Judges may quote what they read.
        score.sample, score.at, score.why = sample, sample.at, _kept(tenant, score.why) or ""
    LiveScore.objects.bulk_create(scores)
    transaction.on_commit(lambda: _tell(tenant, call, scores))
    return sample


def sample_of(tenant: Tenant, call: HandedCall) -> LiveSample:
    """The row, unsaved; texts only where the tenant keeps them."""
    asked = asked_in(call)
    return LiveSample(
        tenant=tenant,
        run_id=call.run_id,
        at=moment_of(call),
        route=call.route[:200],
        model=call.model[:200],
        provider=call.provider[:200],
        key_id=call.key_id[:64],
        end_user=call.user,
        mode=call.mode[:32],
        tags=call.tags,
        input_language=language_of(asked),
        output_language=language_of(call.output),
        refused=declines(call.output),
        input_chars=call.input_chars,
        output_chars=call.output_chars,
        input_embedding=embedding_of(asked),
        output_embedding=embedding_of(call.output),
        input_text=_kept(tenant, asked),
        output_text=_kept(tenant, call.output),
    )


def _kept(tenant: Tenant, text: str) -> str | None:
    storage = PayloadStorage(tenant.payload_storage)
    if storage is PayloadStorage.NONE:
        return None
    plain = text.replace("\x00", "")
    return str(redact_json(plain)) if storage is PayloadStorage.REDACTED else plain


def _tell(tenant: Tenant, call: HandedCall, scores: Sequence[LiveScore]) -> None:
    for score in scores:
        if score.value is not None:
            recorded = ScoreRecorded(
                run_id=call.run_id,
                evaluation_id=str(score.evaluation_id),
                evaluator=score.evaluator,
                kind=score.kind,
                score=score.value,
                label=score.label,
                route=call.route,
                model=call.model,
            )
            emit(recorded, EventContext(tenant_id=str(tenant.pk), correlation_id=call.run_id))
