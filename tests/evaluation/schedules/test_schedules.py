"""Runs by the calendar: started once for each time, made up for, held to a gate."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from contracts.tenant_scope import across_tenants
from evaluation.gates import create_gate
from evaluation.models import EvalRun, GoldenSet
from evaluation.runs import VariantChoice
from evaluation.schedules import running
from evaluation.schedules.rows import RunSchedule, ScheduledRun
from evaluation.schedules.services import create_run_schedule, delete_run_schedule, update_run_schedule
from evaluation.tasks import follow_schedules, run_scheduled
from routing.services import create_route
from tenants.audit import AuditEntry
from tenants.models import Tenant
from tenants.services import update_tenant
from tests.evaluation.golden_rows import finished_run, make_evaluator, make_set
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluation.runs._begin", lambda _run: None)


@pytest.fixture
def golden_set(acme: Tenant) -> GoldenSet:
    create_route(name="chat", tenant=acme)
    return make_set(acme, *(f"Question {at}" for at in range(20)))


@pytest.fixture
def nightly(golden_set: GoldenSet) -> RunSchedule:
    return make_schedule(golden_set)


def make_schedule(golden_set: GoldenSet, **fields) -> RunSchedule:
    choices = [VariantChoice(name="live", model="chat")]
    values = {"name": "Nightly", "variants": choices, "evaluators": [], "every": "daily", "hour": 3, **fields}
    return create_run_schedule(golden_set=golden_set, **values)


@transaction.atomic
def change_and_check(rows: QuerySet[Any], **fields: Any) -> None:
    """Past all services, with what the database checks at the end of a transaction."""
    with across_tenants("a test breaks a rule"):
        rows.update(**fields)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def times_of(row: RunSchedule) -> list[ScheduledRun]:
    return list(ScheduledRun.objects.for_tenant(row.tenant_id).filter(schedule=row).order_by("slot"))


def periodic(row: RunSchedule) -> Any:
    return PeriodicTask.objects.filter(name=f"evaluation.run_scheduled {row.pk}").first()


def past(row: RunSchedule, days: int = 1) -> RunSchedule:
    """As if it had been made so many days ago."""
    RunSchedule.objects.for_tenant(row.tenant_id).filter(pk=row.pk).update(since=timezone.now() - timedelta(days=days))
    row.refresh_from_db()
    return row


def test_beat_knows_a_schedule_in_its_tenants_zone_until_it_is_switched_off_or_deleted(nightly, acme):
    task = periodic(nightly)
    assert task is not None
    assert (task.crontab.hour, str(task.crontab.timezone), task.args) == ("3", "UTC", f'["{nightly.pk}"]')

    update_run_schedule(schedule=nightly, hour=4)
    assert periodic(nightly).crontab.hour == "4"
    update_run_schedule(schedule=nightly, enabled=False)
    assert periodic(nightly) is None
    update_run_schedule(schedule=nightly, enabled=True)
    assert periodic(nightly) is not None

    delete_run_schedule(schedule=nightly)
    assert not PeriodicTask.objects.filter(task="evaluation.run_scheduled").exists()


def test_a_golden_set_that_is_deleted_takes_what_beat_knows_with_it(nightly, golden_set):
    golden_set.delete()

    assert not PeriodicTask.objects.filter(task="evaluation.run_scheduled").exists()


def test_a_tenant_that_moves_to_another_zone_takes_its_schedules_along(nightly, acme):
    update_tenant(tenant=acme, time_zone="Asia/Tokyo")

    follow_schedules()

    assert str(periodic(nightly).crontab.timezone) == "Asia/Tokyo"
    nightly.refresh_from_db()
    assert nightly.next_at.hour == 18


def test_each_time_starts_one_run_however_often_beat_comes(nightly):
    past(nightly)

    assert run_scheduled(str(nightly.pk)) is True
    assert run_scheduled(str(nightly.pk)) is False
    assert follow_schedules() == 0

    [time] = times_of(nightly)
    assert time.run is not None
    assert time.run.requested_by == "schedule Nightly"
    assert time.slot.hour == 3
    with pytest.raises(IntegrityError), transaction.atomic():
        ScheduledRun.objects.create(tenant=nightly.tenant, schedule=nightly, slot=time.slot)


def test_what_beat_missed_is_made_up_for_once_and_only_the_last_of_it(nightly):
    past(nightly, days=5)
    RunSchedule.objects.for_tenant(nightly.tenant_id).update(next_at=timezone.now() - timedelta(days=4))

    assert follow_schedules() == 1
    assert follow_schedules() == 0

    nightly.refresh_from_db()
    assert len(times_of(nightly)) == 1
    assert nightly.next_at > timezone.now()


def test_a_schedule_does_not_run_for_what_was_due_before_it_was_there_or_while_it_was_off(nightly):
    assert run_scheduled(str(nightly.pk)) is False

    past(update_run_schedule(schedule=nightly, enabled=False), days=3)
    assert run_scheduled(str(nightly.pk)) is False
    update_run_schedule(schedule=nightly, enabled=True)
    assert run_scheduled(str(nightly.pk)) is False


def test_a_worker_that_dies_before_it_is_committed_leaves_nothing_and_the_next_one_starts_the_run(nightly, monkeypatch):
    past(nightly)

    class Killed(BaseException):
        """Nothing catches it."""

    def killed(*_args) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(running, "_told", killed)
        with pytest.raises(Killed):
            run_scheduled(str(nightly.pk))
    assert times_of(nightly) == []
    assert not EvalRun.objects.for_tenant(nightly.tenant_id).exists()

    assert run_scheduled(str(nightly.pk)) is True
    assert len(times_of(nightly)) == 1


def test_why_no_run_was_started_is_written_down_and_told(golden_set, acme, told):
    gone = make_evaluator(acme, "exact", "Gone")
    row = past(make_schedule(golden_set, evaluators=[gone]))
    gone.delete()

    assert run_scheduled(str(row.pk)) is True

    [time] = times_of(row)
    assert (time.run, time.error) == (None, "An evaluator of this schedule was deleted.")
    assert told("evaluation.schedule.due")[0].error == time.error


def test_a_run_that_is_under_way_is_not_joined_by_another(nightly):
    running.run_now(schedule=nightly)

    with pytest.raises(ValidationError, match="still under way"):
        running.run_now(schedule=nightly)


@pytest.mark.parametrize(("now", "outcome"), [(0.9, "undecided"), (0.2, "fail")])
def test_a_run_is_held_to_the_gate_against_the_one_before(golden_set, acme, now: float, outcome: str):
    gate = create_gate(golden_set=golden_set, name="holds", evaluator="quality")
    row = make_schedule(golden_set, gate=gate)
    ended = [finished_run(golden_set, {"live": [score] * 20}) for score in (0.9, now)]
    for day, run in enumerate(ended):
        slot = timezone.now() + timedelta(days=day)
        ScheduledRun.objects.create(tenant=acme, schedule=row, slot=slot, run=run)

    assert running.compare_ended() == 1
    assert running.compare_ended() == 0

    first, second = times_of(row)
    assert (first.gate_outcome, first.gate_note) == (None, "There is no run before that is done.")
    assert second.gate_outcome is not None
    assert (second.gate_outcome["outcome"], second.gate_outcome["items"]) == (outcome, 20)


def test_changes_are_audited_and_the_clock_is_not(nightly, acme):
    past(nightly)
    run_scheduled(str(nightly.pk))
    update_run_schedule(schedule=nightly, hour=5)

    entries = AuditEntry.objects.filter(tenant_ref=str(acme.pk), object_type="runschedule").order_by("pk")
    assert [one.action for one in entries] == ["created", "updated"]
    assert entries[1].after == {"hour": 5}


def test_schedules_hold_nothing_of_another_tenant(nightly):
    other = make_set(make_tenant(slug="other"), name="Other")

    with pytest.raises(IntegrityError, match="same_tenant"):
        change_and_check(RunSchedule.objects.filter(pk=nightly.pk), golden_set=other)


def test_gates_and_versions_of_other_sets_are_refused(golden_set, acme):
    other = create_gate(golden_set=make_set(acme, name="Other"), name="holds", evaluator="answered")

    with pytest.raises(ValidationError, match="another golden set"):
        make_schedule(golden_set, gate=other)
    with pytest.raises(ValidationError, match="No day fits"):
        make_schedule(golden_set, every="cron", cron="0 0 31 2 *")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks) -> Any:
    found = []
    monkeypatch.setattr(running, "emit", lambda payload, _context: found.append(payload))
    monkeypatch.setattr("django.db.transaction.on_commit", lambda then, **_: then())
    return lambda kind: [one for one in found if one.event_type == kind]
