"""The audit log is written once."""

import pytest
from django.db import DatabaseError, connection, transaction

from tenants.audit import AuditEntry
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "statement", ["UPDATE tenants_auditentry SET actor = 'nobody'", "DELETE FROM tenants_auditentry"]
)
def test_the_database_refuses_to_rewrite_the_log(statement):
    make_tenant()

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda entry: AuditEntry.objects.filter(pk=entry.pk).update(actor="nobody"),
        lambda entry: AuditEntry.objects.filter(pk=entry.pk).delete(),
    ],
)
def test_the_model_refuses_to_rewrite_an_entry(rewrite):
    make_tenant()
    entry = AuditEntry.objects.first()

    with pytest.raises(TypeError, match="append-only"):
        rewrite(entry)
