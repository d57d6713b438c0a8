"""The audit log's hash chain: what was altered, removed or added behind its back is found."""

import threading
from typing import Any, cast

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import JSONField
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tenants import services
from tenants.actor import acting_as
from tenants.audit import AuditChain, AuditEntry
from tenants.audit_chain import GENESIS, breaks, canonical_json, digest_of, hash_of
from tests.tenants.factories import make_team, make_tenant

committed = pytest.mark.django_db(transaction=True)


def found() -> list[tuple[int, str]]:
    head = AuditChain.objects.get()
    return list(breaks(list(AuditEntry.objects.order_by("sequence")), head=(head.sequence, head.hash)))


def behind_its_back(statement: str, *values: Any) -> None:
    """What someone with all rights in the database can do."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tenants_auditentry DISABLE TRIGGER USER")
        cursor.execute(statement, values)
        cursor.execute("ALTER TABLE tenants_auditentry ENABLE TRIGGER USER")


@pytest.fixture
def five_entries(transactional_db):
    tenant = make_tenant()
    for name in ("one", "two", "three", "four"):
        services.create_team(tenant=tenant, name=name)
    return list(AuditEntry.objects.order_by("sequence"))


def test_entries_are_numbered_and_each_holds_the_hash_of_the_one_before(five_entries):
    assert [entry.sequence for entry in five_entries] == [1, 2, 3, 4, 5]
    assert [entry.previous_hash for entry in five_entries] == [GENESIS, *(entry.hash for entry in five_entries[:4])]
    assert all(entry.digest == digest_of(entry) for entry in five_entries)
    assert found() == []


@pytest.mark.parametrize(
    "column", ["actor", "source_ip", "action", "object_type", "object_id", "object_name", "tenant_ref"]
)
def test_an_altered_text_is_found(five_entries, column):
    value = "deleted" if column == "action" else "someone else's"
    behind_its_back(f"UPDATE tenants_auditentry SET {column} = %s WHERE sequence = 3", value)

    assert found() == [(3, "a field was altered: the digest does not fit")]


@pytest.mark.parametrize("statement", ["before = '{\"x\": 1}'", "after = '{}'", "at = at - interval '1 microsecond'"])
def test_an_altered_value_or_time_is_found(five_entries, statement):
    behind_its_back(f"UPDATE tenants_auditentry SET {statement} WHERE sequence = 2")

    assert [place for place, _ in found()] == [2]


def test_an_alteration_with_a_fitting_digest_is_found(five_entries):
    entry = five_entries[2]
    entry.actor = "nobody"
    behind_its_back("UPDATE tenants_auditentry SET actor = 'nobody', digest = %s WHERE sequence = 3", digest_of(entry))

    assert found() == [(3, "the hash does not fit the entry")]


def test_an_alteration_with_a_fitting_hash_breaks_the_next_link(five_entries):
    entry = five_entries[2]
    entry.actor = "nobody"
    digest = digest_of(entry)
    forged = hash_of(sequence=3, entry_id=entry.id, previous_hash=entry.previous_hash, digest=digest)
    behind_its_back(
        "UPDATE tenants_auditentry SET actor = 'nobody', digest = %s, hash = %s WHERE sequence = 3", digest, forged
    )

    assert found() == [(4, "the entry does not follow the one before it")]


def test_a_removed_entry_is_found_in_the_middle_and_at_the_beginning(five_entries):
    behind_its_back("DELETE FROM tenants_auditentry WHERE sequence IN (1, 3)")

    assert found() == [(1, "entry 1 is missing"), (3, "entry 3 is missing")]


def test_removed_entries_at_the_end_are_found(five_entries):
    behind_its_back("DELETE FROM tenants_auditentry WHERE sequence > 3")

    assert found() == [(4, "the chain ends at 3 and should end at 5: entries at its end are missing")]


def test_an_entry_put_in_by_hand_is_found(five_entries):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenants_auditentry (at, actor, source_ip, action, object_type, object_id, object_name,"
            " tenant_ref, before, after, digest, previous_hash, hash)"
            " VALUES (now(), 'alice', '', 'created', 'team', '1', 'x', '', '{}', '{}', repeat('a', 64), '', '')"
        )

    assert found() == [(6, "a field was altered: the digest does not fit")]


@committed
def test_a_change_that_is_rolled_back_leaves_no_gap():
    make_tenant()
    with transaction.atomic():
        make_tenant()
        transaction.set_rollback(True)
    make_tenant()

    assert found() == []
    assert AuditEntry.objects.count() == 2


@committed
def test_writers_at_the_same_time_make_one_chain():
    tenants = [make_tenant() for _ in range(2)]
    problems: list[BaseException] = []

    def write(first, second) -> None:
        try:
            for _ in range(10):
                # Each takes both tenants in one transaction, in opposite orders where rows allow it.
                with acting_as("writer"):
                    make_team(first)
                    make_team(second)
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=pair) for pair in (tenants, tenants[::-1]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    assert AuditEntry.objects.count() == 82
    assert found() == []


@committed
def test_the_log_cannot_be_truncated():
    make_tenant()
    with pytest.raises(DatabaseError, match="append-only"):
        truncate()

    assert found() == []


def truncate() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE tenants_auditentry")


json_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('aé"\\\n\u2028😀', max_size=5)
)
json_values = st.dictionaries(st.sampled_from("abé"), json_scalars | st.lists(json_scalars, max_size=3), max_size=3)


@pytest.mark.django_db
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(value=json_values)
def test_a_value_is_written_down_the_same_after_a_journey_through_the_database(value):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", cast("Any", [Jsonb(value)]))
        [stored] = cursor.fetchone()
    returned = JSONField().from_db_value(stored, cast("Any", None), connection)

    assert canonical_json(returned) == canonical_json(value)


def test_canonical_json_is_sorted_dense_and_utf_8():
    assert (
        canonical_json({"b": 1.0, "a": ["é", 1e21, None]}) == '{"a":["é",1000000000000000000000,null],"b":1}'.encode()
    )
