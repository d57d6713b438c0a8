"""The audit log: who changed what, when and from where. Written once, never changed."""

from __future__ import annotations

from typing import Any, NoReturn

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class AppendOnly(models.QuerySet[Any]):
    """Rows that are written once. The database refuses UPDATE and DELETE as well (a trigger)."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise TypeError("The audit log is append-only.")

    def delete(self) -> NoReturn:
        """Refused."""
        raise TypeError("The audit log is append-only.")


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

    objects = AppendOnly.as_manager()

    class Meta:
        """Newest first; found by object, by tenant and by time."""

        verbose_name_plural = "audit entries"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                name="audit_action_known",
                condition=Q(action__in=["created", "updated", "deleted", "revoked", "rotated"]),
            ),
        )
        indexes = (
            models.Index(fields=["object_type", "object_id"], name="audit_by_object"),
            models.Index(F("tenant_ref"), F("id").desc(), name="audit_by_tenant"),
            models.Index(F("at").desc(), name="audit_by_time"),
        )

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_type} {self.object_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; a second save is refused."""
        if not self._state.adding:
            raise TypeError("The audit log is append-only.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise TypeError("The audit log is append-only.")
