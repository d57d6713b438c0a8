"""What every credential that Breakwater issues has in common: stored as a digest, recognised by its ends."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from tenants.rows import ConfigRow
from tenants.validators import validate_cidr

KEY_HASH_SHAPE = r"^[0-9a-f]{64}$"


def usable_at(instant: datetime) -> Q:
    """The condition for keys that are neither revoked nor expired."""
    return Q(Q(expires_at=None) | Q(expires_at__gt=instant), revoked_at=None)


class IssuedKey(ConfigRow):
    """A credential of which only the SHA-256 is stored.

    A rotated key lives on until ``expires_at``, which the rotation brings forward; its successor names it.
    """

    name = models.CharField(max_length=200, help_text="What the key is for, such as 'checkout service, production'.")
    key_hash = models.CharField(
        max_length=64, unique=True, editable=False, help_text="SHA-256 of the key, in hexadecimal."
    )
    prefix = models.CharField(max_length=16, editable=False, db_index=True)
    last_four = models.CharField(max_length=4, editable=False)
    ip_allow = ArrayField(
        models.CharField(max_length=43, validators=[validate_cidr]),
        default=list,
        blank=True,
        help_text="Address blocks (CIDR) that may use the key; empty allows all.",
    )
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(max_length=150, blank=True, default="", editable=False)
    rotated_from = models.OneToOneField(
        "self",
        models.SET_NULL,
        related_name="successor",
        null=True,
        blank=True,
        editable=False,
        help_text="The key that this one replaces.",
    )

    audit_exclude = frozenset({"key_hash", "last_used_at"})

    class Meta:
        """No table of its own."""

        abstract = True

    def __str__(self) -> str:
        return f"{self.name} ({self.shown})"

    @property
    def shown(self) -> str:
        """The part of the key by which people recognise it."""
        return f"{self.prefix}…{self.last_four}"

    @property
    def is_replaced(self) -> bool:
        """Whether a rotation made a successor; the key itself may still be in its overlap."""
        with across_tenants("a successor has the same owner"):
            return type(self)._base_manager.filter(rotated_from_id=self.pk).exists()

    def state(self, at: datetime | None = None) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= (at or timezone.now()):
            return "expired"
        return "active"
