"""The audit log: who did what, when and from where. Written once, never changed, and chained so that tampering shows.

An entry's ``digest`` is made here, before it is inserted; its place in the chain (``sequence``, ``previous_hash``,
``hash``) is given by a deferred trigger at the end of the transaction. :mod:`tenants.audit_chain` says how, and checks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from tenants.audit_chain import digest_of


class AppendOnly(models.QuerySet[Any]):
    """Rows that are written once. The database refuses UPDATE and DELETE as well (a trigger)."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise TypeError("The audit log is append-only.")

    def delete(self) -> NoReturn:
        """Refused."""
        raise TypeError("The audit log is append-only.")

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Insert, each with its digest."""
        entries = list(objs)
        for entry in entries:
            if isinstance(entry, AuditEntry):
                entry.digest = digest_of(entry)
        return super().bulk_create(entries, *args, **kwargs)


class AuditEntry(models.Model):
    """One change: who, when, from where, of what, and the changed fields before and after.

    Holds names and ids as text and no foreign keys, so that it outlives what it tells of.
    """

    class Action(models.TextChoices):
        """What was done."""

        CREATED = "created"
        UPDATED = "updated"
        DELETED = "deleted"
        REVOKED = "revoked"
        ROTATED = "rotated"
        READ = "read"
        EXPORTED = "exported"
        ERASED = "erased"
        INVITED = "invited"
        SIGNED_IN = "signed_in", "signed in"
        SIGNED_OUT = "signed_out", "signed out"
        SIGN_IN_FAILED = "sign_in_failed", "sign-in failed"
        LOCKED_OUT = "locked_out", "locked out"

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now, editable=False)
    actor = models.CharField(max_length=200)
    source_ip = models.CharField("address", max_length=45, blank=True, default="")
    action = models.CharField(max_length=16, choices=Action.choices)
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=300)
    tenant_ref = models.CharField(
        "tenant", max_length=64, blank=True, default="", help_text="The tenant's id; empty for the platform's own."
    )
    before = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    digest = models.CharField(
        max_length=64, editable=False, help_text="SHA-256 of the canonical JSON of all the fields above."
    )
    sequence = models.PositiveBigIntegerField(
        null=True, unique=True, editable=False, help_text="Place in the chain, from 1 and without gaps."
    )
    previous_hash = models.CharField(max_length=64, editable=False, default="")
    hash = models.CharField(
        max_length=64, editable=False, default="", help_text="SHA-256 over place, digest and the previous hash."
    )

    objects = AppendOnly.as_manager()

    class Meta:
        """Newest first; found by object, by tenant and by time."""

        verbose_name_plural = "audit entries"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                name="audit_action_known",
                condition=Q(
                    action__in=[
                        "created",
                        "updated",
                        "deleted",
                        "revoked",
                        "rotated",
                        "read",
                        "exported",
                        "erased",
                        "invited",
                        "signed_in",
                        "signed_out",
                        "sign_in_failed",
                        "locked_out",
                    ]
                ),
            ),
            models.CheckConstraint(name="audit_digest_is_sha256_hex", condition=Q(digest__regex=r"^[0-9a-f]{64}$")),
        )
        indexes = (
            models.Index(fields=["object_type", "object_id"], name="audit_by_object"),
            models.Index(F("tenant_ref"), F("id").desc(), name="audit_by_tenant"),
            models.Index(F("at").desc(), name="audit_by_time"),
            models.Index(fields=["id"], condition=Q(sequence=None), name="audit_unsealed"),
        )

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_type} {self.object_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; a second save is refused."""
        if not self._state.adding:
            raise TypeError("The audit log is append-only.")
        self.digest = digest_of(self)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise TypeError("The audit log is append-only.")


class AuditChain(models.Model):
    """The end of the chain: one row, moved on by the trigger that seals entries."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64)

    class Meta:
        """One row only."""

        constraints = (models.CheckConstraint(name="audit_chain_has_one_head", condition=Q(id=1)),)

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"


class AuditCheckpoint(models.Model):
    """A signed statement of how far the chain had come at an instant: what came before cannot be cut off unseen."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now, editable=False)
    sequence = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64)
    key_id = models.CharField(max_length=16)
    signature = models.CharField(max_length=64, help_text="HMAC-SHA-256 over the canonical JSON of the other fields.")

    objects = AppendOnly.as_manager()

    class Meta:
        """Newest first."""

        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"
