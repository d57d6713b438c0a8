"""System health: what is well, what is not, what to do, and who may look."""

from __future__ import annotations

import time

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone

from controlplane import processes_seen
from controlplane.pages.health_checks import BAD, GOOD, UNKNOWN, WARN, Check, all_checks, worst
from controlplane.pages.health_database import DatabaseState, read_database
from controlplane.pages.health_metrics import Figures
from controlplane.pages.health_redis import RedisState, Seen, read_redis
from events.engine.bus import COLLECTORS, STREAM
from events.models import QuarantinedEvent
from routing.engine.pulse import INDEX_KEY, key_of
from tests.tenants.factories import make_operator, make_tenant
from tests.tenants.pages.people import auditor_client, body_of, client_of, member

pytestmark = pytest.mark.django_db

NEVER_OLD = 2**52
"""A time in milliseconds that is never long ago."""


@pytest.fixture
def operator() -> Client:
    return client_of(make_operator())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _figures(**samples: float) -> Figures:
    figures = Figures()
    for name, value in samples.items():
        figures.add(name, {}, value)
    return figures


def _well() -> RedisState:
    now = _now_ms()
    return RedisState(
        info={"redis_version": "8.0", "used_memory": 10, "maxmemory": 0, "maxmemory_policy": "noeviction"},
        web_workers=[Seen("host, process 7", now)],
        config_listeners=1,
        collectors=[Seen("c1", now)],
        celery_workers=[Seen("celery@host", now)],
        beats=[Seen("host", now)],
    )


def _check(
    name: str, redis: RedisState, database: DatabaseState | None = None, figures: Figures | None = None
) -> Check:
    groups = all_checks(redis, database or DatabaseState(most_connections=100), figures or _figures())
    return next(check for group in groups for check in group.checks if check.name == name)


def _with(*, waiting_s: float | None = None, **fields) -> RedisState:
    well = _well()
    if waiting_s is not None:
        fields["bus_oldest_ms"] = round(_now_ms() - waiting_s * 1000)
    return RedisState(**{name: fields.get(name, getattr(well, name)) for name in RedisState.__slots__})


def test_operators_and_auditors_look(operator):
    assert "System health" in body_of(operator.get("/console/health/"))
    assert auditor_client().get("/console/health/").status_code == 200


def test_members_do_not(client):
    acme = make_tenant(slug="acme")
    somebody = client_of(member(acme))
    assert somebody.get("/console/health/").status_code == 403
    assert somebody.get("/t/acme/health/").status_code == 404
    assert somebody.get("/console/runbook/").status_code == 403


def test_htmx_gets_the_live_part_alone(operator):
    body = body_of(operator.get("/console/health/", headers={"HX-Request": "true", "HX-Target": "health"}))
    assert "<html" not in body
    assert 'data-live="*"' in body


def test_without_redis_the_page_says_so_and_does_not_wait(operator, monkeypatch):
    monkeypatch.setattr("controlplane.pages.health.read_redis", lambda: RedisState(error="Connection refused"))
    began = time.monotonic()
    body = body_of(operator.get("/console/health/"))
    assert time.monotonic() - began < 2
    assert "Something is broken." in body
    assert "Connection refused" in body
    assert "Not known while Redis is down" in body


def test_a_redis_that_does_not_answer_is_a_state_and_no_error(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert read_redis().error
    processes_seen.note("worker", "celery@host")


def test_without_postgresql_the_state_says_why(monkeypatch):
    def fail() -> None:
        raise DatabaseError("the server closed the connection\nDETAIL: more")

    monkeypatch.setattr(connection, "cursor", fail)
    assert read_database().error == "the server closed the connection"
    check = _check("PostgreSQL", _well(), DatabaseState(error="gone"))
    assert (check.state, check.runbook) == (BAD, "postgresql-down")


def test_signs_of_life_are_read_as_they_are_told(redis_client, settings):
    redis_client.hset(COLLECTORS, "c1", str(_now_ms()))
    redis_client.xadd(STREAM, {"batch": "x"}, id=f"{_now_ms() - 90_000}-0")
    processes_seen.note("worker", "celery@host")
    beat = processes_seen.Beat()
    beat.ticked()
    assert read_redis().beats == []
    beat.began()

    state = read_redis()

    assert [one.name for one in state.collectors] == ["c1"]
    assert [one.name for one in state.celery_workers] == ["celery@host"]
    assert len(state.beats) == 1
    assert state.bus_length == 1
    assert _check("Bus", state).state == BAD
    processes_seen.worker_gone(type("Worker", (), {"hostname": "celery@host"}))
    assert read_redis().celery_workers == []


def test_a_worker_of_another_version_is_a_worker(redis_client):
    redis_client.zadd(INDEX_KEY, {"w1": _now_ms()})
    redis_client.set(key_of("w1"), b'{"other": 1}')
    assert [one.name for one in read_redis().web_workers] == ["w1"]


@pytest.mark.parametrize(
    ("name", "state", "fields"),
    [
        ("Web workers", BAD, {"web_workers": []}),
        ("Listening for changes", BAD, {"config_listeners": 0}),
        ("Listening for changes", WARN, {"web_workers": [Seen("a", 0), Seen("b", 0)]}),
        ("Collectors", BAD, {"collectors": [Seen("c1", 0)]}),
        ("Bus", WARN, {"bus_length": 3, "waiting_s": 20}),
        ("Celery workers", BAD, {"celery_workers": []}),
        ("Queue", WARN, {"queued": 500}),
        ("Queue", BAD, {"queued": 5_000}),
        ("Beat", BAD, {"beats": []}),
        ("Beat", WARN, {"beats": [Seen("a", NEVER_OLD), Seen("b", NEVER_OLD)]}),
        ("Redis", BAD, {"info": {"used_memory": 99, "maxmemory": 100}}),
        ("Redis", BAD, {"info": {"evicted_keys": 3}}),
        ("Redis", WARN, {"answered_ms": 200.0}),
    ],
)
def test_what_is_not_well_says_what_to_do(name, state, fields):
    check = _check(name, _with(**fields))
    assert check.state == state
    assert check.todo
    assert _check(name, _well()).state == GOOD


@pytest.mark.parametrize(
    ("name", "state", "samples"),
    [
        ("Dropped events", BAD, {"events_dropped_total": 2.0}),
        ("Spools", GOOD, {"events_spool_bytes": 1_000.0}),
        ("Spools", BAD, {"events_spool_bytes": 1e12}),
        ("Spools", WARN, {"events_spool_bytes": 1.0, "events_spool_oldest_seconds": 100.0}),
        ("Limits and budgets", BAD, {"gateway_admission_degraded": 1.0}),
        ("Limits and budgets", GOOD, {"gateway_admission_degraded": 0.0}),
        ("Secret stores", UNKNOWN, {}),
    ],
)
def test_counters_are_judged(name, state, samples):
    assert _check(name, _well(), figures=_figures(**samples)).state == state


def test_a_secret_store_that_does_not_answer_is_named():
    figures = Figures()
    figures.add("gateway_secret_store_reachable", {"store": "vault"}, 0.0)
    figures.add("gateway_secret_store_reachable", {"store": "aws"}, 1.0)
    check = _check("Secret stores", _well(), figures=figures)
    assert (check.state, check.value) == (WARN, "vault not reachable")


def test_connections_that_run_out_are_told():
    assert _check("PostgreSQL", _well(), DatabaseState(connections=85, most_connections=100)).state == WARN
    assert _check("PostgreSQL", _well(), DatabaseState(connections=99, most_connections=100)).state == BAD
    assert _check("PostgreSQL", _well(), DatabaseState(most_connections=100, oldest_transaction_s=900)).state == WARN


def test_quarantined_lines_lead_to_the_admin(operator):
    QuarantinedEvent.objects.create(
        digest="a" * 64, reason="unknown_type", detail="", source="s", line=b"{}", received_at=timezone.now()
    )
    body = body_of(operator.get("/console/health/"))
    assert "1 line" in body
    assert "/admin/events/quarantinedevent/" in body


def test_the_worst_state_is_that_of_the_whole():
    assert worst(all_checks(_well(), DatabaseState(most_connections=100), _figures())) == UNKNOWN
    assert worst(all_checks(_with(beats=[]), DatabaseState(most_connections=100), _figures())) == BAD
    assert worst([]) == UNKNOWN


def test_every_check_leads_to_a_part_of_the_runbook(operator):
    body = body_of(operator.get("/console/runbook/"))
    groups = all_checks(_well(), DatabaseState(most_connections=100), _figures())
    for check in (check for group in groups for check in group.checks):
        assert f'id="{check.runbook}"' in body, check.name
    assert "Redis down" in body
    assert "FAILURE_MODES.md)" not in body
