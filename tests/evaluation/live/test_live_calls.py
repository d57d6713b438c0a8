"""From a call through the gateway to its score, the sums by the minute and an alert."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from alerting.checking import check_all
from alerting.models import SLO, AlertRule
from alerting.services import create_rule
from contracts.events import RequestCompleted, ScoreRecorded
from evaluation.live.asking import LiveScorer
from evaluation.live.services import update_live_evaluation
from evaluation.models import LiveLoss
from evaluation.tasks import look_for_live_calls, score_live_calls
from events.traffic.measures import Kind
from events.traffic.reading import Stretch, sums_by_part
from events.traffic.scores import UNIT, ScorePart
from tenants.models import Tenant
from tests.evaluation.golden_rows import make_evaluator
from tests.evaluation.live.live_calls import ask, make_live, samples, scored, scores, store
from tests.gateway.doubles import RecordingEmitter
from tests.tenants.factories import make_tenant

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("queues")]


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_is_sampled_scored_and_told(answering: Tenant, key: str, told: RecordingEmitter, stream: bool):
    make_live(answering)
    (run_id,) = ask(key, "is all fine with the order?", stream=stream, user="ann", tags={"app": "shop"})

    assert scored(answering) == 1

    (sample,) = samples(answering)
    assert (sample.run_id, sample.route, sample.model, sample.provider) == (run_id, "small", "sandbox-small", "sandbox")
    assert (sample.end_user, sample.tags, sample.mode) == ("ann", {"app": "shop"}, "direct")
    assert sample.input_text == "is all fine with the order?"
    assert sample.output_text == "You said: is all fine with the order?"
    assert (sample.input_chars, sample.output_chars) == (27, 37)
    assert (sample.input_language, sample.refused) == ("en", False)
    assert len(sample.input_embedding) == 256
    (score,) = scores(answering)
    assert (score.evaluator, score.value, score.cost_nanousd) == ("Says fine", 1.0, None)
    (event,) = told.payloads(ScoreRecorded)
    assert isinstance(event, ScoreRecorded)
    assert (event.run_id, event.score, event.route, event.model) == (run_id, 1.0, "small", "sandbox-small")


def test_what_a_worker_has_written_is_not_written_again(answering: Tenant, key: str, told: RecordingEmitter, queues):
    make_live(answering)
    ask(key, "fine")
    [name] = [one for one in queues.scan_iter("live:*:calls")]
    (entry,) = queues.xrange(name)

    assert scored(answering) == 1
    assert queues.xlen(name) == 0
    queues.xadd(name, entry[1])
    assert scored(answering) == 0

    assert len(scores(answering)) == 1
    assert len(told.payloads(ScoreRecorded)) == 1


def test_a_worker_that_dies_leaves_its_calls_to_the_next(answering: Tenant, key: str, queues, monkeypatch):
    make_live(answering)
    ask(key, "fine", "broken", "fine")

    class Killed(BaseException):
        """What a worker that dies does not handle."""

    def dying(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("evaluation.live.taking.declines", dying)
        patched.setattr("evaluation.live.queue.LiveQueue.give_back", lambda queue: None)
        with pytest.raises(Killed):
            scored(answering)

    assert scored(answering) == 0, "As long as the dead worker may live, nobody takes its queue."
    [lock] = [one for one in queues.scan_iter("live:*:lock")]
    queues.delete(lock)
    assert scored(answering) == 3
    assert [one.value for one in scores(answering)] == [1.0, 0.0, 1.0]


def test_the_product_does_not_sample_its_own_calls(answering: Tenant, key: str):
    judge = make_evaluator(answering, "rubric", "Judge", route="small", rubric="Is it fine?")
    make_live(answering, judge, deep_rate=1.0)
    ask(key, "fine", tags={"source": "playground"})
    assert scored(answering) == 0

    ask(key, "fine")
    assert scored(answering) == 1
    assert scored(answering) == 0, "What the judge was asked is no call to be judged."
    (score,) = scores(answering)
    assert score.cost_nanousd is not None


def test_judges_are_asked_within_the_budget_of_the_day(answering: Tenant, key: str, monkeypatch):
    monkeypatch.setattr("evaluation.live.asking.caller_of", lambda _tenant: None)
    judge = make_evaluator(answering, "rubric", "Judge", route="small", rubric="Is it fine?")
    make_live(answering, judge, deep_rate=1.0, judge_budget_nanousd=0)
    ask(key, "fine")
    assert scored(answering) == 1

    (score,) = scores(answering)
    assert (score.value, score.why, score.cost_nanousd) == (None, "The day's budget for judges is spent.", 0)


def test_a_tenant_that_stores_nothing_has_no_text_in_the_database(answering: Tenant, key: str, told):
    answering.payload_storage = "none"
    answering.save()
    fine = make_evaluator(answering, "contains", "Says fine", texts=["fine"])
    # The sandbox gives back what it is asked, so its reason is what it judges.
    judge = make_evaluator(answering, "rubric", "Judge", route="small", rubric="Is it fine?")
    make_live(answering, fine, judge, deep_rate=1.0)
    ask(key, "my word is swordfish and all is fine", "swordfish again", user="ann")
    assert scored(answering) == 2

    assert [one.value for one in scores(answering) if one.evaluator == "Says fine"] == [1.0, 0.0]
    assert len(scores(answering)) == 4
    assert all(one.input_text is None and one.output_text is None for one in samples(answering))
    assert all(one.input_embedding is not None for one in samples(answering))
    store(told.events)
    assert _tables_with("swordfish") == []


def test_where_texts_are_kept_redacted_nothing_else_is_handed_on(answering: Tenant, key: str, queues):
    answering.payload_storage = "redacted"
    answering.save()
    make_live(answering)
    ask(key, "write to ann.smith@example.org, fine")

    [name] = [one for one in queues.scan_iter("live:*:calls")]
    assert b"ann.smith@example.org" not in queues.xrange(name)[0][1][b"call"]
    scored(answering)
    (sample,) = samples(answering)
    assert sample.input_text == "write to [EMAIL], fine"


def test_only_what_a_live_evaluation_wants_is_sampled(answering: Tenant, key: str):
    make_live(answering, routes=["large"], tags={"app": "shop"})
    ask(key, "fine", tags={"app": "shop"})
    ask(key, "fine", model="large", tags={"app": "other"})
    ask(key, "fine", model="large", tags={"app": "shop"})
    assert scored(answering) == 1
    assert samples(answering)[0].route == "large"


def test_a_quiet_route_is_seen_and_a_busy_one_not_without_end(answering: Tenant, key: str):
    evaluation = make_live(answering, rate=0.0, min_per_hour=2)
    ask(key, *["fine"] * 5)
    assert scored(answering) == 2

    update_live_evaluation(evaluation=evaluation, rate=1.0, max_per_hour=4)
    ask(key, *["fine"] * 8, model="large")
    assert scored(answering) == 4


def test_tenants_are_apart(answering: Tenant, key: str):
    other = make_tenant(slug="other", name="Other")
    make_live(other)
    ask(key, "fine")
    assert scored(other) == 0
    assert samples(answering) == []


def test_a_rule_over_scores_fires_when_answers_get_bad(answering: Tenant, key: str, told: RecordingEmitter):
    make_live(answering)
    create_rule(
        tenant=answering, name="Quality", signal="score", evaluator="Says fine", operator="below", threshold=0.7,
        window_minutes=5, for_minutes=2, min_requests=3, segment_kind="route", segment="small",
    )  # fmt: skip
    slo = SLO.objects.create(
        tenant=answering, name="Fine", kind="score", evaluator="Says fine", limit=0.7, objective=0.9
    )
    burning = create_rule(tenant=answering, name="Budget", kind="burn_rate", slo=slo, min_requests=5)
    minute = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=12)
    for place in range(11):
        told.events.clear()
        ask(key, *(["fine"] if place < 5 else ["broken"]) * 4)
        assert scored(answering) == 4
        store(told.events, minute + timedelta(minutes=place, seconds=30), spool=f"s-{place}")
    good, bad = (Stretch(int((minute + timedelta(minutes=at)).timestamp()), 0) for at in (0, 5))
    found = sums_by_part(str(answering.pk), Kind.SCORE, [Stretch(good.start_s, bad.start_s)])[0]
    assert found[str(ScorePart("Says fine", "model", "sandbox-small", 20))].cost_nanousd == 20 * UNIT

    fired = [check_all(now=minute + timedelta(minutes=place + 1, seconds=10)).fired for place in range(11)]
    first = next(place for place, number in enumerate(fired) if number)
    assert sum(fired[:5]) == 0
    assert first <= 5 + 5
    phases = dict(AlertRule.objects.filter(tenant=answering).values_list("name", "state__phase"))
    assert phases == {"Quality": "firing", "Budget": "firing"}
    assert burning.calls.evaluator == "Says fine"


def _tables_with(text: str) -> list[str]:
    """Tables of the database in which the text stands anywhere, but for what the gateway writes of a call itself."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', [f"%{text}%"])
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_tenants_with_calls_that_wait_are_found_and_theirs_scored(answering: Tenant, key: str, monkeypatch):
    make_live(answering)
    make_live(make_tenant(slug="idle", name="Idle"))
    assert look_for_live_calls() == 0
    ask(key, "fine")
    begun: list[str] = []
    monkeypatch.setattr(score_live_calls, "apply_async", lambda arguments, **_: begun.append(*arguments))

    assert look_for_live_calls() == 1
    assert begun == [str(answering.pk)]
    assert score_live_calls(begun[0]) == 1
    assert look_for_live_calls() == 0


def test_what_cannot_be_read_is_counted_and_put_away(answering: Tenant, key: str, queues):
    make_live(answering)
    ask(key, "fine")
    [name] = [one for one in queues.scan_iter("live:*:calls")]
    queues.xadd(name, {"call": b"\xc1 nothing", "of": b"x"})

    assert scored(answering) == 1
    assert queues.xlen(name) == 0
    assert [(one.reason, one.calls) for one in LiveLoss.objects.for_tenant(answering)] == [("broken", 1)]


def test_what_a_judge_said_before_its_worker_died_is_neither_asked_nor_paid_again(
    answering: Tenant, key: str, queues, told: RecordingEmitter, monkeypatch
):
    judge = make_evaluator(answering, "rubric", "Judge", route="small", rubric="Is it fine?")
    make_live(answering, judge, deep_rate=1.0)
    [run_id] = ask(key, "fine")
    paid: list[str] = []
    judged = LiveScorer._judged

    def counted(self, process, question, run_id, slot):
        paid.append(run_id)
        return judged(self, process, question, run_id, slot)

    def dies(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(LiveScorer, "_judged", counted)
    with monkeypatch.context() as dying:
        dying.setattr("evaluation.live.taking.write", dies)
        with pytest.raises(SystemExit):
            scored(answering)
    assert paid == [run_id]
    assert scores(answering) == []
    [kept] = [name for name in queues.scan_iter("live:*:said:*")]
    assert 0 < queues.ttl(kept) <= 900

    assert scored(answering) == 1
    assert paid == [run_id]
    (score,) = scores(answering)
    assert score.cost_nanousd is not None
    (end,) = told.payloads(RequestCompleted)
    assert (end.cost_nanousd, end.tags["judge_of"]) == (score.cost_nanousd, run_id)
    assert not list(queues.scan_iter("live:*:said:*"))
