"""The page of one call, replay and comparison."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from events.models import Run, RunState
from gateway.pages.run_comparison import differences
from gateway.pages.run_content import curl_of
from gateway.pages.run_story import story_of
from tenants import services
from tenants.audit import AuditEntry
from tests.events.builders import rejected
from tests.gateway.pages.runs import ANSWER, PROMPT, keep, kept_events, make_run, story_events, tell
from tests.gateway.pages.test_requests import PAGE, acme, body, member, signed_in
from tests.tenants.factories import make_operator, make_tenant

__all__ = ["acme", "kept_events"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_second_factor(settings) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False


@pytest.fixture
def told(acme, kept_events) -> Run:
    services.update_tenant(tenant=acme, payload_storage="stored")
    run = make_run(acme, fallback_used=True, attempts=2, end_user="ana", tags={"session": "s-1"})
    keep(story_events(run, prompt=PROMPT, answer=ANSWER))
    return run


def test_the_story_tells_what_led_to_what(acme):
    run = make_run(acme)

    story = story_of(run, story_events(run)[::-1], timezone.now())

    assert [step.label for step in story.steps] == [
        "Authenticated and admitted",
        "Route support",
        "Attempt 1: anthropic/gpt-mini",
        "Fallback to openai/gpt-mini",
        "Attempt 2: openai/gpt-mini",
        "Settled and answered",
    ]
    assert "The provider's status was 503." in story.steps[2].details
    waiting, streaming = story.steps[4].segments
    assert (waiting.tone, streaming.tone) == ("wait", "stream")
    assert waiting.x + waiting.width == pytest.approx(streaming.x)
    assert streaming.x + streaming.width <= 1_000


def test_a_refusal_says_whose_limit_it_was(acme):
    run = make_run(acme, state=RunState.REJECTED)
    details = {"level": "key", "metric": "requests", "limit": 60, "window_s": 60, "limit_id": "x"}

    story = story_of(run, [tell(run, rejected(details=details), 1)], timezone.now())

    assert [verdict.title for verdict in story.verdicts] == ["Refused"]
    assert dict(story.verdicts[0].facts) == {"Whose": "key", "Counts": "requests", "Limit": "60", "Within": "1 min"}


def test_a_running_call_has_come_to_now(acme):
    run = make_run(acme, state=RunState.RUNNING, ended_at=None, duration_ms=None, ago=timedelta(seconds=3))

    story = story_of(run, story_events(run)[:2], timezone.now())

    assert story.running
    assert story.total_ms == pytest.approx(3_000, rel=0.2)


def test_the_page_shows_the_story_and_what_was_said(told):
    page = body(signed_in(member(make_member_tenant(told))), f"{PAGE}{told.correlation_id}/")

    for text in ("Fallback to openai/gpt-mini", "How high is the lighthouse?", "It is 42 metres high.", "$0.004200"):
        assert text in page
    assert "$BREAKWATER_API_KEY" in page
    assert "x-breakwater-target" in page


def make_member_tenant(run: Run):
    from tenants.models import Tenant

    return Tenant.objects.get(pk=run.tenant_id)


def test_viewers_do_not_read_what_was_said(told, acme):
    page = body(signed_in(member(acme, "viewer")), f"{PAGE}{told.correlation_id}/")

    assert "lighthouse" not in page
    assert "42 metres" not in page
    assert "$0.004200" not in page
    assert "does not allow you to read" in page
    assert "Replay" not in page


def test_where_nothing_is_kept_the_page_says_why_and_where_to_change_it(acme, kept_events):
    run = make_run(acme)

    owner = body(signed_in(member(acme, "owner")), f"{PAGE}{run.correlation_id}/")
    developer = body(signed_in(member(acme)), f"{PAGE}{run.correlation_id}/")

    assert "This tenant keeps no prompts and answers." in owner
    assert "Change what is kept" in owner
    assert "Change what is kept" not in developer


def test_calls_around_it_are_found_by_user_and_session(told, acme):
    near = make_run(acme, end_user="ana")
    also = make_run(acme, tags={"session": "s-1"})
    make_run(make_tenant(), end_user="ana")

    found = signed_in(member(acme)).get(f"{PAGE}{told.correlation_id}/").context["neighbours"]

    assert [(title, [run.pk for run in runs]) for title, _, runs in found] == [
        ("Same session", [also.pk]),
        ("Same end user", [near.pk]),
    ]


@pytest.mark.parametrize("path", ["{}/", "{}/replay/", "compare/?a={}", "compare/?a={}&b={}"])
def test_another_tenants_run_does_not_exist(acme, kept_events, path):
    theirs = make_run(make_tenant()).correlation_id

    assert signed_in(member(acme)).get(PAGE + path.format(theirs, theirs)).status_code == 404


def test_the_page_asks_few_queries(told, acme, django_assert_max_num_queries):
    client = signed_in(member(acme))

    with django_assert_max_num_queries(28):
        client.get(f"{PAGE}{told.correlation_id}/")


def test_operators_go_on_to_the_admin(told):
    page = body(signed_in(make_operator()), f"/console/requests/{told.correlation_id}/")

    assert f"/admin/events/run/{told.correlation_id.replace('_', '_5F')}/change/" in page


def test_only_a_running_call_is_read_anew(acme, kept_events):
    client = signed_in(member(acme))
    running, ended = make_run(acme, state=RunState.RUNNING), make_run(acme)

    assert 'id="run" class="run" data-live' in body(client, f"{PAGE}{running.correlation_id}/")
    assert 'id="run" class="run" data-live' not in body(client, f"{PAGE}{ended.correlation_id}/")


def test_the_command_is_safe_to_paste(acme):
    run = make_run(acme, requested_model="it's; rm -rf")

    command = curl_of(run, [{"role": "user", "content": "what's `this`"}], "https://gw.example")

    assert command.startswith("curl https://gw.example/v1/chat/completions")
    assert "'\"'\"'" in command


def test_differences_are_told_by_words():
    left, right = differences("It is 42 metres high.", "It is 45 metres high.")

    assert [piece.text for piece in left if piece.kind == "gone"] == ["42"]
    assert [piece.text for piece in right if piece.kind == "new"] == ["45"]


def test_two_calls_are_compared(told, acme):
    other = make_run(acme, model="gpt-large", cost_nanousd=8_400_000)
    keep(story_events(other, prompt=PROMPT, answer={"role": "assistant", "content": "It is 45 metres high."}))

    page = body(signed_in(member(acme)), f"{PAGE}compare/?a={told.correlation_id}&b={other.correlation_id}")

    assert "<del>42</del>" in page
    assert "<ins>45</ins>" in page
    assert "+100%" in page
    assert "Same prompt" in page


@pytest.mark.django_db(transaction=True)
class TestReplay:
    """Through a gateway of this process, which reads what is committed."""

    def replay(self, client, run: Run, **fields):
        return client.post(f"{PAGE}{run.correlation_id}/replay/", {"model": "default", **fields})

    @pytest.fixture
    def asked(self, answering, kept_events) -> Run:
        run = make_run(answering, requested_model="default", route="default")
        keep(story_events(run, prompt=PROMPT, answer=ANSWER))
        return run

    @pytest.mark.parametrize("role", ["viewer"])
    def test_whoever_may_not_call_may_not_replay(self, asked, answering, role):
        client = signed_in(member(answering, role))

        assert client.get(f"{PAGE}{asked.correlation_id}/replay/").status_code == 403
        assert self.replay(client, asked).status_code == 403

    def test_it_warns_that_it_costs_money(self, asked, answering):
        page = body(signed_in(member(answering)), f"{PAGE}{asked.correlation_id}/replay/")

        assert "This costs money: the first one cost $0.004200" in page

    def test_a_replay_is_compared_and_audited(self, asked, answering):
        client = signed_in(member(answering))

        answer = self.replay(client, asked, model="sandbox-large")

        assert answer.status_code == 302
        assert f"compare/?a={asked.correlation_id}&b=req_" in answer.headers["Location"]
        entry = AuditEntry.objects.get(tenant_ref=str(answering.pk), object_type="replay")
        assert entry.after == {"replay_of": asked.correlation_id, "model": "sandbox-large"}
        assert "its record follows" in body(client, answer.headers["Location"])

    def test_only_what_is_offered_can_be_asked(self, asked, answering):
        answer = self.replay(signed_in(member(answering)), asked, model="somebody-elses")

        assert "Select a valid choice" in answer.content.decode()

    def test_what_is_not_kept_cannot_be_asked_again(self, answering, kept_events):
        run = make_run(answering, requested_model="default")

        page = body(signed_in(member(answering)), f"{PAGE}{run.correlation_id}/replay/")

        assert "Nothing is kept of what was asked" in page
