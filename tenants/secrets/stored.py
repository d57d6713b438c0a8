"""Reads ``db:NAME``: secrets that Breakwater keeps itself, encrypted (:mod:`tenants.secret_store`)."""

from __future__ import annotations

import uuid

import django.db

from tenants.secret_store import StoredSecret
from tenants.secrets.encryption import CannotDecrypt, Sealed, SecretCipher
from tenants.secrets.references import Reference
from tenants.secrets.sources import SecretMissing, SecretUnavailable


class StoredSource:
    """One query a read, for the owner's own secrets only."""

    near = True
    versioned = True
    renewable = True

    def __init__(self, cipher: SecretCipher) -> None:
        self._cipher = cipher

    def read(self, reference: Reference, tenant_id: str | None) -> str:
        """The decrypted value."""
        try:
            row = self._row(reference.path, tenant_id)
        except django.db.Error as error:
            raise SecretUnavailable(
                f"The secret {reference} could not be read: the database failed ({type(error).__name__})."
            ) from None
        if row is None:
            owner = "the platform" if tenant_id is None else f"tenant {tenant_id}"
            raise SecretMissing(f"There is no secret {reference} of {owner}.")
        try:
            return self._cipher.open(sealed(row), owner=tenant_id or "", name=row.name)
        except CannotDecrypt as error:
            raise SecretUnavailable(f"The secret {reference} cannot be decrypted. {error}") from None

    def _row(self, name: str, tenant_id: str | None) -> StoredSecret | None:
        secrets = StoredSecret.objects
        owned = secrets.of_platform() if tenant_id is None else secrets.for_tenant(uuid.UUID(tenant_id))
        row: StoredSecret | None = owned.filter(name=name).first()
        return row


def sealed(row: StoredSecret) -> Sealed:
    """The encrypted value of the row."""
    return Sealed(bytes(row.ciphertext), row.key_id)
