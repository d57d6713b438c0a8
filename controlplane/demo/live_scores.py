"""The demo's live evaluation: scores of a week's calls, which fall while the outage sends them to other models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from contracts.events import EventContext, ScoreRecorded
from contracts.tenant_scope import across_tenants
from controlplane.demo.configuration import Made
from controlplane.demo.incidents import Incidents
from controlplane.demo.past import Past, Told
from controlplane.demo.prompts import add_past_prompts
from evaluation.live.examples import embedding_of
from evaluation.live.services import create_live_evaluation
from evaluation.models import Evaluator, LiveEvaluation, LiveSample, LiveScore
from events.models import EventRecord, Run, RunState

SAMPLES: Final = 500
"""Over all days; of the outage up to a fifth as many besides."""
_EVALUATORS: Final = ("Groundedness", "Answers")


def build_live(made: Made, past: Past, until: datetime) -> LiveEvaluation | None:
    """Of the tenant that has evaluators; none where no tenant stores prompts."""
    tenant = next((one for one in made.tenants if one.plan.payload_storage != "none"), None)
    if tenant is None:
        return None
    developer = tenant.people["developer"][0].username
    with past.at(until - timedelta(days=8), developer), across_tenants("the demo makes rows of its tenants"):
        evaluators = list(Evaluator.objects.for_tenant(tenant.row).filter(name__in=_EVALUATORS))
        add_past_prompts(tenant, until, Random(f"{tenant.plan.slug} prompts"))
        return create_live_evaluation(tenant=tenant.row, name="Answers to customers", evaluators=evaluators, rate=0.02)


def score_past(evaluation: LiveEvaluation, incidents: Incidents, rng: Random) -> list[Told]:
    """Write samples and scores of calls that were made; what is told of the scores."""
    runs = _sampled(evaluation, incidents, rng)
    said = dict(_said(evaluation, runs))
    samples = [_sample(evaluation, run, *said.get(run.correlation_id, ("", ""))) for run in runs]
    LiveSample.objects.bulk_create(samples)
    scores = [score for sample in samples for score in _scores(evaluation, sample, incidents, rng)]
    LiveScore.objects.bulk_create(scores)
    return [_told(score) for score in scores]


def _sampled(evaluation: LiveEvaluation, incidents: Incidents, rng: Random) -> list[Run]:
    answered = Run.objects.filter(
        tenant_id=str(evaluation.tenant_id), state=RunState.COMPLETED, operation="chat", ended_at__isnull=False
    )
    rows = list(answered.order_by("correlation_id").values_list("correlation_id", "ended_at"))
    hit = [run_id for run_id, ended_at in rows if _in_outage(incidents, ended_at)]
    some = [run_id for run_id, _ in rng.sample(rows, min(SAMPLES, len(rows)))]
    wanted = [*some, *hit[: SAMPLES // 5]]
    return list(answered.filter(correlation_id__in=wanted).order_by("correlation_id"))


def _said(evaluation: LiveEvaluation, runs: Sequence[Run]) -> Iterator[tuple[str, tuple[str, str]]]:
    """By run: the user's last message, and the answer."""
    ids = [run.correlation_id for run in runs]
    events = EventRecord.objects.filter(tenant_id=str(evaluation.tenant_id), correlation_id__in=ids)
    told: dict[str, dict[str, Any]] = {}
    kinds = ("llm.request.started", "llm.request.completed")
    for run_id, payload in events.filter(event_type__in=kinds).values_list("correlation_id", "payload"):
        told.setdefault(run_id, {}).update({name: payload[name] for name in ("input", "output") if name in payload})
    for run_id, texts in told.items():
        asked = [one["content"] for one in texts.get("input") or [] if one.get("role") == "user"]
        output = texts.get("output") or ""
        yield run_id, (asked[-1] if asked else "", output if isinstance(output, str) else output.get("content") or "")


def _sample(evaluation: LiveEvaluation, run: Run, asked: str, answered: str) -> LiveSample:
    assert run.ended_at is not None
    # In one language, so that no model for languages has to be loaded.
    return LiveSample(
        tenant_id=evaluation.tenant_id,
        run_id=run.correlation_id,
        at=run.ended_at,
        taken_at=run.ended_at,
        route=run.route or "",
        model=run.model or "",
        provider=run.provider or "",
        key_id=run.key_id or "",
        end_user=run.end_user,
        mode="direct",
        tags=run.tags or {},
        input_language="en" if asked else "",
        output_language="en" if answered else "",
        input_chars=len(asked),
        output_chars=len(answered),
        input_embedding=embedding_of(asked),
        output_embedding=embedding_of(answered),
        input_text=asked,
        output_text=answered,
    )


def _scores(evaluation: LiveEvaluation, sample: LiveSample, incidents: Incidents, rng: Random) -> Iterator[LiveScore]:
    bad = _in_outage(incidents, sample.at)
    grounded = min(1.0, max(0.0, rng.gauss(0.45, 0.15) if bad else rng.gauss(0.9, 0.07)))
    answers = 0.0 if rng.random() < (0.3 if bad else 0.01) else 1.0
    why = "Sentences that nothing bears out." if grounded < 0.6 else ""
    for name, kind, value, reason in (
        ("Groundedness", "groundedness", round(grounded, 4), why),
        ("Answers", "refusal", answers, "" if answers else "It declines what it should answer."),
    ):
        yield LiveScore(
            tenant_id=evaluation.tenant_id,
            evaluation=evaluation,
            sample=sample,
            evaluator=name,
            kind=kind,
            at=sample.at,
            scored_at=sample.at,
            value=value,
            why=reason,
        )


def _told(score: LiveScore) -> Told:
    assert score.value is not None
    sample = score.sample
    recorded = ScoreRecorded(
        run_id=sample.run_id,
        evaluation_id=str(score.evaluation_id),
        evaluator=score.evaluator,
        kind=score.kind,
        score=score.value,
        route=sample.route,
        model=sample.model,
    )
    at_ns = int(score.at.timestamp() * 1_000) * 1_000_000
    return recorded, EventContext(tenant_id=str(score.tenant_id), correlation_id=sample.run_id), at_ns


def _in_outage(incidents: Incidents, at: Any) -> bool:
    return incidents.outage.spans(int(at.timestamp() * 1000))
