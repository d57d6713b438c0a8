"""Feedback about kept answers: what it does to the threshold, who may give it, and what is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import InvalidRequest, RunNotFound
from contracts.events import CacheHit, CacheJudged, CacheThresholdChanged
from contracts.ids import new_correlation_id
from contracts.ports import Feedback
from events.collector.database import conninfo
from events.collector.store import EventStore
from routing import services
from routing.answer_judging import (
    LEAST,
    MOST,
    WRONG_AT_REST,
    adapted,
    confidence_by_route,
    judge_answer,
    judgement_of,
    reset_confidence,
)
from routing.feedback_taking import _take
from routing.models import AnswerJudgement, Route, RouteConfidence
from tenants.audit import AuditEntry
from tenants.emitting import set_emitter
from tenants.models import Tenant
from tests.events.builders import batch, completed, context, line, started
from tests.gateway.doubles import RecordingEmitter
from tests.tenants.factories import make_tenant


def test_a_wrong_answer_makes_a_route_surer_and_a_right_one_a_little_less() -> None:
    assert adapted(0.8, []) == pytest.approx(0.8)
    assert adapted(0.8, [False]) > 0.86
    assert 0.79 < adapted(0.8, [True]) < 0.8


def test_it_rests_where_one_answer_in_fifty_is_wrong() -> None:
    turn = [False] + [True] * round(1 / WRONG_AT_REST - 1)
    assert adapted(0.8, turn * 20) == pytest.approx(0.8)


def test_it_stays_within_bounds() -> None:
    assert adapted(0.8, [False] * 100) == pytest.approx(MOST)
    assert adapted(0.8, [True] * 10_000) == pytest.approx(LEAST)


# --- in the database -------------------------------------------------------------------------------------


@pytest.fixture
def told() -> Any:
    emitter = RecordingEmitter()
    set_emitter(emitter)
    yield emitter
    set_emitter(None)


def served(tenant: Tenant, route: str, mode: str = "semantic") -> str:
    """The correlation id of a call that a kept answer served."""
    correlation_id = new_correlation_id()
    hit = CacheHit(
        route=route,
        provider="sandbox",
        model="small",
        key_id="key",
        source="memory",
        age_s=1,
        mode=mode,
        similarity=0.9,
        confidence=0.85,
    )
    of = context(correlation_id, tenant_id=str(tenant.pk))
    lines = b"".join(line(payload, of) + b"\n" for payload in (started(), hit, completed()))

    async def write() -> None:
        store = EventStore(conninfo(), retention=timedelta(days=30))
        await store.write([batch(lines, spool_id=correlation_id)])
        await store.aclose()

    asyncio.run(write())
    return correlation_id


db = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_client")]


class TestJudging:
    pytestmark = db

    def test_a_judgement_moves_the_tenants_threshold_is_audited_and_told(self, told: RecordingEmitter) -> None:
        tenant = make_tenant()
        route = services.create_route(name="chat", cache_mode="semantic", cache_confidence_percent=80)
        call = served(tenant, "chat")
        row = judge_answer(tenant=tenant, correlation_id=call, right=False, comment="Another city")
        assert row.confidence > 0.86
        assert confidence_by_route(tenant.pk) == {str(route.pk): row.confidence}
        assert confidence_by_route(make_tenant().pk) == {}
        [judged] = told.payloads(CacheJudged)
        [moved] = told.payloads(CacheThresholdChanged)
        assert isinstance(judged, CacheJudged)
        assert isinstance(moved, CacheThresholdChanged)
        assert (judged.right, judged.comment) == (False, "Another city")
        assert (moved.before, moved.after, moved.reason) == (0.8, row.confidence, "wrong")
        assert AuditEntry.objects.filter(tenant_ref=tenant.pk, object_type="routeconfidence").exists()

    def test_the_last_word_about_a_call_counts(self, told: RecordingEmitter) -> None:
        tenant = make_tenant()
        services.create_route(name="chat", cache_mode="semantic", cache_confidence_percent=80)
        call = served(tenant, "chat")
        judge_answer(tenant=tenant, correlation_id=call, right=False)
        row = judge_answer(tenant=tenant, correlation_id=call, right=True)
        assert (row.right, row.wrong) == (1, 0)
        assert row.confidence < 0.8
        judgement = judgement_of(tenant, call)
        assert judgement is not None
        assert judgement.right

    def test_only_semantic_hits_of_the_tenant_can_be_judged(self) -> None:
        tenant = make_tenant()
        services.create_route(name="chat", cache_mode="semantic", cache_confidence_percent=80)
        exact, other = served(tenant, "chat", mode="exact"), served(make_tenant(), "chat")
        with pytest.raises(InvalidRequest):
            judge_answer(tenant=tenant, correlation_id=exact, right=True)
        for unknown in (other, new_correlation_id()):
            with pytest.raises(RunNotFound):
                judge_answer(tenant=tenant, correlation_id=unknown, right=True)
        assert not AnswerJudgement.objects.filter(tenant=tenant).exists()

    def test_setting_it_back_forgets_what_was_said(self, told: RecordingEmitter) -> None:
        tenant = make_tenant()
        route = services.create_route(name="chat", cache_mode="semantic", cache_confidence_percent=80)
        judge_answer(tenant=tenant, correlation_id=served(tenant, "chat"), right=False)
        reset_confidence(tenant=tenant, route=Route.objects.get(pk=route.pk))
        reset_confidence(tenant=tenant, route=route)
        assert not RouteConfidence.objects.filter(tenant=tenant).exists()
        assert not AnswerJudgement.objects.filter(tenant=tenant).exists()
        last = told.payloads(CacheThresholdChanged)[-1]
        assert isinstance(last, CacheThresholdChanged)
        assert (last.after, last.reason) == (0.8, "reset")

    def test_the_data_planes_feedback_is_audited_as_the_keys(self) -> None:
        tenant = make_tenant()
        services.create_route(name="chat", cache_mode="semantic", cache_confidence_percent=80)
        feedback = Feedback(
            tenant_id=str(tenant.pk), correlation_id=served(tenant, "chat"), right=False, actor="key mobile app"
        )
        taken = _take(feedback)
        assert (taken.route, taken.right, taken.wrong) == ("chat", 0, 1)
        assert AuditEntry.objects.filter(tenant_ref=tenant.pk, actor="key mobile app").exists()
