import itertools
from datetime import UTC, datetime, timedelta

from events.collector import runs
from events.collector.runs import FACTS, RunFacts, merged_runs, run_facts
from events.models import Run, RunState
from tests.events.builders import attempt_completed, completed, context, failed, incoming, rejected, started

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _fact(run: RunFacts, name: str):
    return run.facts[FACTS.index(name)]


def test_the_states_are_those_of_the_table():
    assert (runs.RUNNING, runs.REJECTED, runs.COMPLETED, runs.FAILED) == (
        RunState.RUNNING,
        RunState.REJECTED,
        RunState.COMPLETED,
        RunState.FAILED,
    )


def test_every_fact_is_a_column():
    assert set(FACTS) <= {field.column for field in Run._meta.concrete_fields}


def test_a_call_merges_to_one_run_in_every_order():
    of = context("c1")
    events = [
        incoming(started(requested_model="fast", tags={"app": "x"}), of, NOW),
        incoming(attempt_completed(), of, NOW + timedelta(milliseconds=900)),
        incoming(completed(duration_ms=1000.0, input_tokens=7), of, NOW + timedelta(seconds=1)),
    ]
    merged = [merged_runs(order) for order in itertools.permutations(events)]
    assert all(one == merged[0] for one in merged)
    (run,) = merged[0]
    assert run.state == RunState.COMPLETED
    assert run.started_at == NOW
    assert run.ended_at == NOW + timedelta(seconds=1)
    assert _fact(run, "requested_model") == "fast"
    assert _fact(run, "tags") == {"app": "x"}
    assert _fact(run, "input_tokens") == 7


def test_merging_twice_changes_nothing():
    of = context("c1")
    events = [incoming(started(), of, NOW), incoming(failed(), of, NOW)]
    assert merged_runs(events + events) == merged_runs(events)


def test_a_run_known_only_by_its_end_started_its_duration_earlier():
    run = run_facts(incoming(failed(duration_ms=2000.0), context("c1"), NOW))
    assert run is not None
    assert run.started_at == NOW - timedelta(seconds=2)
    assert _fact(run, "error_code") == "PROVIDER_TIMEOUT"


def test_a_rejection_is_a_run_of_its_own():
    run = run_facts(incoming(rejected(), context("c1"), NOW))
    assert run is not None
    assert run.state == RunState.REJECTED
    assert _fact(run, "http_status") == 429


def test_events_of_no_call_are_no_run():
    assert merged_runs([incoming(attempt_completed(), context("c1"), NOW)]) == []


def test_runs_come_in_the_order_in_which_their_rows_are_locked():
    found = merged_runs([incoming(started(), context(name), NOW) for name in ("c3", "c1", "c2")])
    assert [run.correlation_id for run in found] == ["c1", "c2", "c3"]
