"""What changes stored secrets. A value goes in and comes out again only on its way to a provider."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from tenants.audit import AuditEntry
from tenants.changes import delete_row, save_row, with_fields
from tenants.models import Tenant
from tenants.secret_store import StoredSecret
from tenants.secrets.encryption import CannotDecrypt
from tenants.secrets.process import process_cipher
from tenants.secrets.sources import SecretMissing, header_value
from tenants.secrets.stored import sealed

MAX_VALUE_LENGTH = 16_384


def create_secret(*, name: str, value: str, tenant: Tenant | None = None, description: str = "") -> StoredSecret:
    """A new secret, the platform's unless ``tenant`` is given.

    Raises:
        ValidationError: the name is taken or not valid, or the value is no credential.
    """
    row = StoredSecret(tenant=tenant, name=name, description=description, set_at=timezone.now())
    seal_into(row, value)
    return save_row(row)


@transaction.atomic
def replace_secret(*, secret: StoredSecret, value: str) -> StoredSecret:
    """Give the secret a new value; its providers use it within a second.

    Raises:
        ValidationError: the value is no credential.
    """
    secret.refresh_from_db(from_queryset=StoredSecret._base_manager.select_for_update())
    seal_into(secret, value)
    secret.value_version += 1
    secret.set_at = timezone.now()
    return _save_value(secret)


def update_secret(*, secret: StoredSecret, **fields: Any) -> StoredSecret:
    """Change what is told of the secret; neither its name, by which providers refer to it, nor its owner.

    Raises:
        ValidationError: a field is not valid.
        TypeError: it is not one that may be changed.
    """
    if {"name", "tenant"} & fields.keys():
        raise TypeError("A stored secret keeps its name and owner: its value is encrypted for them.")
    return save_row(with_fields(secret, fields))


def delete_secret(*, secret: StoredSecret) -> None:
    """Delete the secret; providers that refer to it go without a credential within a second."""
    delete_row(secret)


def encrypt_again() -> tuple[int, list[str]]:
    """Put every secret that is under an older key under the first one.

    Returns how many were, and the names of those that no key of ours decrypts (they are left as they are).
    """
    done, failed = 0, []
    with across_tenants("a new encryption key is for every tenant's secrets"):
        outdated = list(StoredSecret.objects.exclude(key_id=process_cipher().key_id).values_list("pk", flat=True))
        for pk in outdated:
            name = _encrypt_one_again(pk)
            if name:
                failed.append(name)
            else:
                done += 1
    return done, failed


@transaction.atomic
def _encrypt_one_again(pk: Any) -> str:
    secret = StoredSecret.objects.select_for_update(of=("self",)).select_related("tenant").filter(pk=pk).first()
    if secret is None:
        return ""
    try:
        value = process_cipher().open(sealed(secret), owner=_owner(secret), name=secret.name)
    except CannotDecrypt:
        return f"{secret.tenant or 'platform'}/{secret.name}"
    seal_into(secret, value)
    _save_value(secret)
    return ""


def seal_into(row: StoredSecret, value: str) -> None:
    """Put the encrypted value into an unsaved row.

    Raises:
        ValidationError: the value is no credential; the message is that of the field ``value`` and does not repeat it.
    """
    try:
        usable = header_value(value, "value")
    except SecretMissing as error:
        raise ValidationError({"value": str(error)}) from None
    if len(usable) > MAX_VALUE_LENGTH:
        raise ValidationError({"value": f"A credential has at most {MAX_VALUE_LENGTH} characters."})
    sealed_value = process_cipher().seal(usable, owner=_owner(row), name=row.name)
    row.ciphertext, row.key_id = sealed_value.ciphertext, sealed_value.key_id


def _save_value(secret: StoredSecret) -> StoredSecret:
    ciphertext = secret.ciphertext
    save_row(secret, action=AuditEntry.Action.ROTATED)
    # The audited columns are saved by then; the ciphertext is none of them.
    rows = StoredSecret.objects
    owned = rows.of_platform() if secret.tenant_id is None else rows.for_tenant(secret.tenant_id)
    owned.filter(pk=secret.pk).update(ciphertext=ciphertext)
    return secret


def _owner(row: StoredSecret) -> str:
    return str(row.tenant_id or "")
