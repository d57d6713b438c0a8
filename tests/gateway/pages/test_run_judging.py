"""Saying on the page of a call whether the kept answer was right."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.events import CacheHit
from events.models import Run
from routing.models import AnswerJudgement, RouteConfidence
from routing.services import create_route
from tests.gateway.pages.runs import keep, kept_events, make_run, tell
from tests.gateway.pages.test_requests import acme, body, member, signed_in
from tests.tenants.factories import make_tenant

__all__ = ["acme", "kept_events"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def served(acme, kept_events) -> Run:
    """A call that a kept answer to a question in other words served."""
    create_route(name="support", tenant=acme, cache_mode="semantic")
    run = make_run(acme)
    hit: dict[str, Any] = {
        "route": "support",
        "provider": "openai",
        "model": "gpt-mini",
        "key_id": "k",
        "source": "redis",
        "age_s": 5,
    }
    keep([tell(run, CacheHit(**hit, mode="semantic", similarity=0.91, confidence=0.88), 2)])
    return run


def address(run: Run, tenant: str = "acme") -> str:
    return f"/t/{tenant}/requests/{run.correlation_id}/"


def test_the_page_says_how_sure_it_was_and_asks_who_manages_routes(acme, served):
    page = body(signed_in(member(acme, "developer")), address(served))
    assert "91" in page
    assert "It was wrong" in page
    assert "It was wrong" not in body(signed_in(member(acme, "viewer")), address(served))


def test_a_call_that_a_provider_answered_asks_nothing(acme, kept_events):
    assert "It was wrong" not in body(signed_in(member(acme, "owner")), address(make_run(acme)))


def test_what_was_said_moves_the_threshold_and_shows_on_the_page(acme, served):
    client = signed_in(member(acme, "developer"))
    client.post(f"{address(served)}judge/", {"right": "0"})
    row = RouteConfidence.objects.get(tenant=acme)
    assert (row.wrong, row.confidence > 0.8) == (1, True)
    page = body(client, address(served))
    assert "Found wrong" in page


def test_only_who_manages_routes_of_the_calls_tenant_judges(acme, served):
    assert signed_in(member(acme, "viewer")).post(f"{address(served)}judge/", {"right": "1"}).status_code == 403
    other = make_tenant(slug="other")
    answer = signed_in(member(other, "owner")).post(f"{address(served, 'other')}judge/", {"right": "1"})
    assert answer.status_code == 404
    assert not AnswerJudgement.objects.filter(tenant=acme).exists()


def test_a_call_without_a_kept_answer_cannot_be_judged(acme, kept_events):
    run = make_run(acme)
    answer = signed_in(member(acme, "owner")).post(f"{address(run)}judge/", {"right": "1"}, follow=True)
    assert "There is no run with this correlation id" in answer.content.decode()
    assert not AnswerJudgement.objects.filter(tenant=acme).exists()
