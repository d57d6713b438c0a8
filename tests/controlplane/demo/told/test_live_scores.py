"""The demo's scores of live calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from statistics import mean

from contracts.tenant_scope import across_tenants
from controlplane.demo.incidents import Incidents
from controlplane.demo.live_scores import _scores
from controlplane.demo.story import Story
from evaluation.models import LiveEvaluation, LiveSample, LiveScore
from events.models import EventRecord, Run


def test_calls_of_the_tenant_that_stores_prompts_are_sampled_and_scored(demo_small: Story):
    with across_tenants("the demo's own tenants"):
        evaluation = LiveEvaluation.objects.select_related("tenant").get()
        samples = list(LiveSample.objects.for_tenant(evaluation.tenant))
        scores = list(LiveScore.objects.for_tenant(evaluation.tenant).filter(evaluator="Groundedness"))
    runs = {run.correlation_id: run for run in Run.objects.filter(tenant_id=str(evaluation.tenant_id))}

    assert len(samples) == len(scores) > 20
    assert all(runs[sample.run_id].route == sample.route for sample in samples)
    assert any(sample.input_text and sample.input_embedding is not None for sample in samples)
    told = EventRecord.objects.filter(tenant_id=str(evaluation.tenant_id), event_type="evaluation.score.recorded")
    assert told.count() == 2 * len(scores)


def test_scores_fall_in_the_outage_and_rise_again():
    until = datetime.now(UTC)
    incidents = Incidents.between(until - timedelta(days=7), until, 90_000)
    begin = datetime.fromtimestamp(incidents.outage.start_ms / 1000, UTC)

    def grounded(at: datetime) -> float:
        rng, given = Random(1), []
        for _ in range(40):
            first, _answers = _scores(LiveEvaluation(), LiveSample(at=at), incidents, rng)
            assert first.value is not None
            given.append(first.value)
        return mean(given)

    assert grounded(begin - timedelta(hours=1)) > 0.85
    assert grounded(begin + timedelta(minutes=1)) < 0.6
    assert grounded(begin + timedelta(hours=5)) > 0.85
