"""Retention per tenant, and erasure of one end user."""

import asyncio
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from contracts.events import EndUserErased, RetentionApplied
from events.collector.database import conninfo
from events.collector.store import EventStore
from events.models import EventRecord, QuarantinedEvent, Run, UsageRecord
from tenants import data_protection
from tenants.audit import AuditEntry
from tenants.data_protection import apply_all_retention, apply_retention, erase_end_user, pseudonym_of, retention_of
from tenants.emitting import set_emitter
from tenants.services import update_tenant
from tests.events.builders import batch, completed, context, line, rejected, started
from tests.tenants.factories import make_tenant
from tests.tenants.test_audit_log import Recorder

pytestmark = pytest.mark.django_db(transaction=True)

ANN = "ann.planted@example.org"
SECRET = "planted prompt of somebody"


@pytest.fixture
def emitted():
    recorder = Recorder()
    set_emitter(recorder)
    yield recorder
    set_emitter(None)


def call(tenant, correlation_id, *, user=ANN, ago=timedelta(0), cost=2_000, only=("started", "completed")):
    """One call's events, written as the collector writes them."""
    at = timezone.now() - ago
    of = context(correlation_id, tenant_id=str(tenant.pk))
    payloads = {
        "started": started(user=user, input=[{"role": "user", "content": SECRET}]),
        "completed": completed(user=user, output={"content": SECRET}, cost_nanousd=cost, input_tokens=3),
    }
    write(b"".join(line(payloads[name], of, at) + b"\n" for name in only), f"{correlation_id}-{only}")


def write(lines: bytes, spool_id: str) -> None:
    async def store() -> None:
        store = EventStore(conninfo(), retention=timedelta(days=30))
        await store.write([batch(lines, spool_id=spool_id)])
        await store.aclose()

    asyncio.run(store())


def places_of(text: str) -> list[str]:
    """Every table of the database in which the text stands."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'"
        )
        found = []
        for (table,) in cursor.fetchall():
            cursor.execute(
                f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE %s OR t::text LIKE %s",
                [f"%{text}%", f"%{text.encode().hex()}%"],
            )
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def costs(tenant) -> int:
    return sum(record.cost_nanousd or 0 for record in UsageRecord.objects.filter(tenant_id=str(tenant.pk)))


# --- retention


def test_a_tenants_own_days_count_and_events_bound_payloads(settings):
    settings.EVENT_RETENTION_DAYS, settings.PAYLOAD_RETENTION_DAYS, settings.LEDGER_RETENTION_DAYS = 30, 20, 400

    own = retention_of(make_tenant(payload_retention_days=9, event_retention_days=7, ledger_retention_days=90))

    assert (own.payloads, own.events, own.ledger) == (7, 7, 90)
    platforms = retention_of(make_tenant())
    assert (platforms.payloads, platforms.events, platforms.ledger) == (20, 30, 400)


@pytest.mark.parametrize("days", [0, 3651])
def test_days_are_bounded(days):
    with pytest.raises(ValidationError):
        update_tenant(tenant=make_tenant(), payload_retention_days=days)


def test_payloads_go_before_events_and_both_before_the_ledger(emitted):
    tenant = make_tenant(payload_retention_days=2, event_retention_days=5, ledger_retention_days=9)
    other = make_tenant()
    for owner in (tenant, other):
        for days in (1, 3, 6, 10):
            call(owner, f"req_{owner.slug}_{days}", ago=timedelta(days=days))

    applied = apply_retention(tenant)

    assert applied == RetentionApplied(payloads=6, events=4, runs=2, usage_records=1)
    assert emitted.of(RetentionApplied) == [applied]
    events = EventRecord.objects.filter(tenant_id=str(tenant.pk))
    assert (
        sorted(("input" in event.payload) or ("output" in event.payload) for event in events)
        == [False] * 2 + [True] * 2
    )
    assert Run.objects.filter(tenant_id=str(tenant.pk)).count() == 2
    assert UsageRecord.objects.filter(tenant_id=str(tenant.pk)).count() == 3
    assert EventRecord.objects.filter(tenant_id=str(other.pk), payload__has_any_keys=["input", "output"]).count() == 8
    assert apply_retention(tenant) == RetentionApplied(payloads=0, events=0, runs=0, usage_records=0)
    assert len(emitted.of(RetentionApplied)) == 1


def test_small_batches_delete_everything_too(monkeypatch):
    monkeypatch.setattr("events.retention.BATCH", 2)
    tenant = make_tenant(payload_retention_days=1, event_retention_days=2)
    for number in range(3):
        call(tenant, f"req_{number}", ago=timedelta(days=3))

    assert apply_retention(tenant).events == 6


def test_one_tenants_failure_does_not_keep_the_others_from_their_retention(monkeypatch, emitted):
    tenants = [make_tenant(event_retention_days=1), make_tenant(event_retention_days=1)]
    for tenant in tenants:
        call(tenant, f"req_{tenant.slug}", ago=timedelta(days=2))
    original = data_protection.apply_retention
    monkeypatch.setattr(
        data_protection,
        "apply_retention",
        lambda tenant: 1 / 0 if tenant.pk == tenants[0].pk else original(tenant),
    )

    assert apply_all_retention() == 2
    assert {event.tenant_id for event in EventRecord.objects.all()} == {str(tenants[0].pk)}


# --- erasure


def test_nothing_in_the_whole_database_names_an_erased_end_user(emitted):
    tenant = make_tenant()
    call(tenant, "req_1")
    call(tenant, "req_2", ago=timedelta(days=3))
    call(tenant, "req_3", user="somebody else")
    refused = rejected(error_message=f"The user {ANN} has used up 5 requests.")
    write(line(refused, context("req_4", tenant_id=str(tenant.pk))) + b"\n", "refused")
    QuarantinedEvent.objects.create(
        digest="0" * 64,
        reason="x",
        detail="",
        source="",
        line=f'{{"tenant_id":"{tenant.pk}","user":"{ANN}"}}'.encode(),
        received_at=timezone.now(),
    )
    before = costs(tenant)
    assert places_of(ANN)

    erased = erase_end_user(tenant, ANN)

    assert places_of(ANN) == [place for place in places_of(ANN) if "events_usage_2" in place] == []
    assert (erased.events, erased.runs, erased.usage_records) == (5, 3, 2)
    assert costs(tenant) == before
    pseudonym = pseudonym_of(tenant.pk, ANN)
    assert {run.end_user for run in Run.objects.filter(pk__in=["req_1", "req_2"])} == {pseudonym}
    assert emitted.of(EndUserErased) == [erased]
    assert Run.objects.get(pk="req_4").error_message == f"The user {pseudonym} has used up 5 requests."
    with_payload = EventRecord.objects.filter(payload__has_any_keys=["input", "output"])
    assert {event.correlation_id for event in with_payload} == {"req_3"}


def test_the_audit_entry_holds_the_pseudonym_only():
    tenant = make_tenant()
    call_command("erase_user", tenant.slug, ANN)

    entry = AuditEntry.objects.get(action="erased")
    assert (entry.actor, entry.object_id) == ("erase_user", pseudonym_of(tenant.pk, ANN))
    assert ANN not in str(AuditEntry.objects.filter(pk=entry.pk).values())


def test_erasing_again_changes_nothing_more():
    tenant = make_tenant()
    call(tenant, "req_1")
    erase_end_user(tenant, ANN)

    again = erase_end_user(tenant, ANN)

    assert (again.events, again.runs, again.usage_records) == (0, 0, 0)


def test_another_tenants_user_of_the_same_name_is_left_alone():
    tenant, other = make_tenant(), make_tenant()
    call(other, "req_other")
    erase_end_user(tenant, ANN)

    assert Run.objects.get(pk="req_other").end_user == ANN
    assert pseudonym_of(tenant.pk, ANN) != pseudonym_of(other.pk, ANN)


def test_what_arrives_late_of_an_erased_user_is_erased_by_the_nightly_run(emitted):
    tenant = make_tenant()
    call(tenant, "req_1", ago=timedelta(minutes=5), only=["started"])
    erase_end_user(tenant, ANN)
    call(tenant, "req_1", ago=timedelta(minutes=5), only=["completed"])
    call(tenant, "req_2", ago=timedelta(hours=1))
    assert places_of(ANN)

    apply_all_retention()

    assert places_of(ANN) == places_of(SECRET) == []
    assert [event.late for event in emitted.of(EndUserErased)] == [False, True]


def test_calls_after_the_erasure_are_new_data(monkeypatch):
    tenant = make_tenant()
    erase_end_user(tenant, ANN)
    monkeypatch.setattr("tenants.data_protection.UNDERWAY", timedelta(hours=-1))
    call(tenant, "req_new")

    apply_all_retention()

    assert Run.objects.get(pk="req_new").end_user == ANN


@pytest.mark.parametrize("user", ["", " ", "erased-0123", "x" * 1001])
def test_nobody_is_erased_without_a_name(user):
    with pytest.raises(ValidationError):
        erase_end_user(make_tenant(), user)
    with pytest.raises(CommandError):
        call_command("erase_user", make_tenant().slug, user)


@pytest.mark.parametrize("user", ['quote"d', "back\\slash", "100%_sure", "naïve 😀", "a.*b", "42"])
def test_any_name_is_found(user):
    tenant = make_tenant()
    call(tenant, "req_1", user=user)

    erased = erase_end_user(tenant, user)

    assert (erased.events, erased.runs, erased.usage_records) == (2, 1, 1)
    assert Run.objects.get(pk="req_1").end_user == pseudonym_of(tenant.pk, user)
    assert {event.payload["user"] for event in EventRecord.objects.all()} == {pseudonym_of(tenant.pk, user)}
