"""The audit log as a whole: verification, checkpoints, search, export."""

import csv
from io import StringIO
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from contracts.cells import safe_cell
from contracts.events import AuditChainBroken, AuditCheckpointCreated
from tenants import services
from tenants.actor import Actor, acting
from tenants.audit import AuditCheckpoint, AuditEntry
from tenants.audit_export import export
from tenants.audit_log import AuditFilter, create_checkpoint, search, verify, verify_and_tell, with_words
from tenants.emitting import set_emitter
from tests.tenants.factories import make_tenant
from tests.tenants.test_audit_chain import behind_its_back

pytestmark = pytest.mark.django_db(transaction=True)


class Recorder:
    def __init__(self) -> None:
        self.events: list[Any] = []

    def emit(self, payload, context) -> None:
        self.events.append(payload)

    def flush(self) -> None:
        """Nothing is buffered."""

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def emitted():
    recorder = Recorder()
    set_emitter(recorder)
    yield recorder
    set_emitter(None)


@pytest.fixture
def tenant():
    tenant = make_tenant()
    for name in ("one", "two", "three", "four"):
        services.create_team(tenant=tenant, name=name)
    return tenant


def cut_off(sequence: int) -> None:
    """What a careful forger does: the end of the log goes, with the note of where it was."""
    behind_its_back("DELETE FROM tenants_auditentry WHERE sequence > %s", sequence)
    behind_its_back(
        "UPDATE tenants_auditchain SET (sequence, hash) ="
        " (SELECT sequence, hash FROM tenants_auditentry ORDER BY sequence DESC LIMIT 1)"
    )


def test_a_log_that_was_left_alone_holds_and_gets_a_checkpoint(tenant, emitted):
    assert verify_and_tell().problems == []
    services.create_team(tenant=tenant, name="five")

    found = verify()

    assert (found.entries, found.checkpoints, found.problems) == (6, 1, [])
    [event] = emitted.of(AuditCheckpointCreated)
    assert (event.sequence, event.hash) == (5, AuditEntry.objects.get(sequence=5).hash)


def test_a_log_whose_end_was_cut_off_with_care_does_not_fit_its_checkpoint(tenant, emitted):
    create_checkpoint()
    cut_off(3)

    found = verify_and_tell()

    [(place, problem)] = found.problems
    assert place == 5
    assert problem.startswith("the entry is not the one that checkpoint")
    [event] = emitted.of(AuditChainBroken)
    assert (event.sequence, event.problems) == (5, 1)


def test_cutting_off_the_checkpoints_as_well_shows_against_one_kept_elsewhere(tenant):
    kept = create_checkpoint()
    cut_off(3)
    behind_its_back("ALTER TABLE tenants_auditcheckpoint DISABLE TRIGGER USER")
    behind_its_back("DELETE FROM tenants_auditcheckpoint")
    behind_its_back("ALTER TABLE tenants_auditcheckpoint ENABLE TRIGGER tenants_auditcheckpoint_append_only")

    assert verify().problems == []
    assert [place for place, _ in verify(anchor=(kept.sequence, kept.hash)).problems] == [5]


def test_a_checkpoint_signed_with_another_key_is_found(tenant, settings):
    create_checkpoint()
    forged = AuditCheckpoint(
        sequence=5, hash=AuditEntry.objects.get(sequence=5).hash, key_id="0" * 16, signature="0" * 64
    )
    forged.save()
    create_checkpoint()

    [(place, problem)] = verify().problems
    assert place == 5
    assert "not in AUDIT_SIGNING_KEYS" in problem


def test_checkpoints_of_a_former_key_are_still_believed(tenant, settings):
    create_checkpoint()
    settings.AUDIT_SIGNING_KEYS = ("n" * 32, *settings.AUDIT_SIGNING_KEYS)
    create_checkpoint()

    assert verify().problems == []


def test_an_entry_put_in_with_the_trigger_off_is_found(tenant):
    behind_its_back(
        "INSERT INTO tenants_auditentry (at, actor, source_ip, action, object_type, object_id, object_name, tenant_ref,"
        " before, after, digest, previous_hash, hash) SELECT at, actor, source_ip, action, object_type, object_id,"
        " object_name, tenant_ref, before, after, digest, '', '' FROM tenants_auditentry WHERE sequence = 2"
    )

    assert verify().problems == [(6, "1 entries were put in past the chain")]


def test_the_command_says_that_all_is_well(tenant, capsys):
    call_command("audit", "checkpoint")
    call_command("audit", "verify")

    assert capsys.readouterr().out.endswith("5 entries and 1 checkpoints hold.\n")


def test_the_command_fails_and_names_the_first_broken_entry(tenant):
    behind_its_back("UPDATE tenants_auditentry SET actor = 'nobody' WHERE sequence IN (2, 4)")

    with pytest.raises(CommandError, match=r"2 problem\(s\), the first at entry 2: a field was altered") as raised:
        call_command("audit", "verify")
    assert raised.value.returncode == 1


def test_entries_are_found_by_who_what_where_when_and_words(tenant):
    start = timezone.now()
    with acting(lambda: Actor("alice", "10.0.0.9")):
        services.update_tenant(tenant=tenant, name="Blue Harbour")
    everything = AuditEntry.objects.all()

    for chosen in (
        AuditFilter(actor="alice"),
        AuditFilter(action="updated"),
        AuditFilter(source_ip="10.0.0.9"),
        AuditFilter(since=start),
        AuditFilter(words="harbour"),
        AuditFilter(words="name blue", tenant_id=tenant.pk),
    ):
        assert [entry.action for entry in search(everything, chosen)] == ["updated"]
    assert not search(everything, AuditFilter(until=start, actor="alice")).exists()
    assert search(everything, AuditFilter(object_type="team")).count() == 4


def test_words_are_looked_up_in_their_index_also_inside_another_query(tenant):
    named = Q(object_name__icontains="harbour") | Q(pk__in=with_words(AuditEntry.objects.all(), "harbour").values("pk"))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = AuditEntry.objects.filter(named).order_by("-pk")[:50].explain()

    # A subplan that depends on the outer row would be worked out for each of them.
    assert "Bitmap Index Scan on audit_words" in plan
    assert "hashed SubPlan" in plan


def test_an_export_holds_one_tenants_entries_with_their_hashes_and_is_noted(tenant, capsys):
    make_tenant()
    call_command("audit", "export", "--tenant", tenant.slug, "--format", "jsonl")

    rows = [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4, 5]
    assert {row["tenant_ref"] for row in rows} == {str(tenant.pk)}
    assert rows[1]["previous_hash"] == rows[0]["hash"]
    entry = AuditEntry.objects.get(action="exported")
    assert (entry.actor, entry.tenant_ref, entry.after["format"]) == ("audit export", str(tenant.pk), "jsonl")


def test_an_exported_cell_is_no_formula():
    with acting(lambda: Actor("=HYPERLINK(1)", "10.0.0.9")):
        make_tenant(name="+1", slug="x1")
    text = "".join(export(AuditFilter(), "csv"))

    [row] = csv.DictReader(StringIO(text))
    assert row["actor"] == "'=HYPERLINK(1)"
    assert msgspec.json.decode(row["after"])["name"] == "+1"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_what_a_spreadsheet_takes_for_a_formula_gets_an_apostrophe(start):
    assert safe_cell(start + "1") == "'" + start + "1"
    assert safe_cell("1" + start) == "1" + start


def test_an_unknown_format_or_tenant_is_refused(tenant):
    with pytest.raises(ValueError, match="The formats are csv, jsonl"):
        export(AuditFilter(), "xml")
    with pytest.raises(CommandError, match="There is no tenant 'nobody'"):
        call_command("audit", "export", "--tenant", "nobody")
