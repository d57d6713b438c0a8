"""Messages that are sent until they are taken: how each stands, and when it is tried again."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import models
from django.utils import timezone

from tenants.outgoing import Answer
from tenants.rows import OfTenantOrPlatform, new_uuid7

logger = logging.getLogger(__name__)

MOST_TRIES: Final = 8
FIRST_PAUSE: Final = timedelta(seconds=15)
"""Doubled with each try: the last one is half an hour after the first."""


def pause_after(tries: int) -> timedelta:
    """Before the next try."""
    return FIRST_PAUSE * int(2 ** max(0, tries - 1))


class Outcome(models.TextChoices):
    """How it stands."""

    WAITING = "waiting", "Waiting"
    SENT = "sent", "Delivered"
    FAILED = "failed", "Not delivered"


class Attempted(models.Model):
    """One message: waiting, taken, or given up."""

    Outcome = Outcome
    tenant_id: Any

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True, help_text="Of the answer over HTTP.")
    error = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    objects = OfTenantOrPlatform.as_manager()

    class Meta:
        """No table of its own."""

        abstract = True

    def put_off(self, now: datetime) -> None:
        """Count a try that begins now; if this process dies in it, the next is due after a pause."""
        self.tries += 1
        self.next_try_at = now + pause_after(self.tries)
        self.save(update_fields=["tries", "next_try_at"])

    def settle(self, answer: Answer, *, again: bool = True) -> bool:
        """Write down what a try came to; whether no other follows.

        ``again`` is whether another may follow: none does after :data:`MOST_TRIES`, or where the answer says so.
        """
        self.status, self.error = answer.status, answer.error[:200]
        if answer.taken:
            self.outcome, self.ended_at = Outcome.SENT, timezone.now()
        elif not again or not answer.again or self.tries >= MOST_TRIES:
            self.outcome, self.ended_at = Outcome.FAILED, timezone.now()
            logger.error("a message was given up: %s (%s %s)", answer.error, self._meta.verbose_name, self.pk)
        self.save(update_fields=["status", "error", "outcome", "ended_at"])
        return self.ended_at is not None
