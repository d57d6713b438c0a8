"""The table of stored secrets: provider credentials kept here, encrypted, and referred to as ``db:NAME``."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from tenants.rows import ConfigRow

NAME_SHAPE = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
NAME = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", "Write letters, digits, '.', '_' and '-', starting with a letter or digit."
)
MAX_NAME_LENGTH = 128


class OwnedSecrets(models.QuerySet[Any]):
    """Secrets of a tenant, or of the platform."""

    def for_tenant(self, tenant_id: uuid.UUID) -> Self:
        """Those of this tenant only."""
        return self.filter(tenant_id=tenant_id)

    def of_platform(self) -> Self:
        """Those that only the platform's own providers may use."""
        return self.filter(tenant=None)


class StoredSecret(ConfigRow):
    """A credential at rest. Written through :mod:`tenants.secret_services`; no page or answer shows it again."""

    tenant = models.ForeignKey(
        "tenants.Tenant",
        models.CASCADE,
        related_name="stored_secrets",
        null=True,
        blank=True,
        help_text="Whose providers may use it. Empty: the platform's own providers.",
    )
    name = models.CharField(
        max_length=MAX_NAME_LENGTH,
        validators=[NAME],
        help_text="Referred to as db:NAME by the owner's providers.",
    )
    description = models.CharField(max_length=200, blank=True, default="", help_text="What it is for. Not the value.")
    ciphertext = models.BinaryField(editable=False)
    key_id = models.CharField(
        "encryption key",
        max_length=16,
        editable=False,
        db_index=True,
        help_text="Fingerprint of the key that the value is encrypted under.",
    )
    value_version = models.PositiveIntegerField(
        "version", default=1, editable=False, help_text="Grows with every new value."
    )
    set_at = models.DateTimeField("value set at", editable=False)

    audit_exclude = frozenset({"ciphertext"})

    objects = OwnedSecrets.as_manager()

    class Meta:
        """One name per owner."""

        ordering = ("tenant", "name")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="stored_secret_name_unique",
                nulls_distinct=False,
                violation_error_message="There is a secret of this name already; give it a new value instead.",
            ),
            models.CheckConstraint(name="stored_secret_name_shape", condition=Q(name__regex=NAME_SHAPE)),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def reference(self) -> str:
        """How a provider refers to it."""
        return f"db:{self.name}"
