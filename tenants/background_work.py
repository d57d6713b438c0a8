"""The base of tables whose rows are work done in the background, for which somebody waits."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from tenants.rows import new_uuid7


class BackgroundWork(models.Model):
    """Who asked for it and when, how far it is, and how it ended; :func:`tenants.progress.moved` tells of each step."""

    tenant_id: Any
    """Each table has its own ``tenant``."""
    work_type: ClassVar[str] = ""
    """``object_type`` of its events and audit rows."""

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    requested_by = models.CharField(max_length=200)
    requested_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    error = models.CharField(max_length=200, default="")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        """No table of its own."""

        abstract = True

    def work_name(self) -> str:
        """What people call that which is worked on."""
        return str(self)
