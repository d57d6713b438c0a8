"""The base of rows that have something done by the calendar, and how they are kept in step with Celery's beat.

Beat is told by a ``PeriodicTask`` of its own for each row. That alone would lose what was due while beat was down, and
might come twice: what is due is worked out of the row, by whoever asks, and each instant is taken once.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, ClassVar, Self, TypeVar
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models.signals import post_delete
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from contracts.tenant_scope import across_tenants
from tenants.cadence import LAST_DAY, WEEKDAYS, Cadence, Every, check, last_until, next_after

EVERY = [
    (Every.DAY.value, "Daily"),
    (Every.WEEK.value, "Weekly"),
    (Every.MONTH.value, "Monthly"),
    (Every.CRON.value, "By a crontab"),
]
CADENCE_FIELDS = ("every", "hour", "minute", "weekday", "day", "cron")


class Scheduled(models.Model):
    """When, and what became of it so far."""

    scheduled_task: ClassVar[str] = ""
    """Celery's name of the task that beat sends, with the row's id."""
    tenant: Any
    pk: Any

    every = models.CharField(max_length=8, choices=EVERY, default=Every.DAY.value)
    hour = models.PositiveSmallIntegerField(default=6, validators=[MaxValueValidator(23)])
    minute = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(59)])
    weekday = models.PositiveSmallIntegerField(default=0, choices=list(enumerate(WEEKDAYS)))
    day = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(LAST_DAY)], help_text="Of the month, 1 to 28."
    )
    cron = models.CharField(max_length=100, blank=True, default="", help_text="Five fields, such as 30 6 * * 1-5.")
    enabled = models.BooleanField(default=True)
    since = models.DateTimeField(
        default=timezone.now, editable=False, help_text="What was due until then is not made up for."
    )
    next_at = models.DateTimeField(null=True, editable=False)
    last_at = models.DateTimeField(null=True, editable=False, help_text="When it was due last, not when it was done.")

    OF_THE_CLOCK: ClassVar[frozenset[str]] = frozenset({"since", "next_at", "last_at"})
    """Fields that change without anyone having configured it: for ``audit_exclude``."""

    class Meta:
        """No table of its own."""

        abstract = True

    @property
    def cadence(self) -> Cadence:
        """When, as one value."""
        return Cadence(
            every=self.every, hour=self.hour, minute=self.minute, weekday=self.weekday, day=self.day, cron=self.cron
        )

    @property
    def zone(self) -> ZoneInfo:
        """By whose clock: the tenant's, or UTC for the platform."""
        return ZoneInfo(self.tenant.time_zone if self.tenant is not None else "UTC")

    def clean(self) -> None:
        """The cadence means something.

        Raises:
            ValidationError: it does not.
        """
        try:
            check(self.cadence)
        except ValueError as problem:
            raise ValidationError({"cron" if self.every == Every.CRON else "every": str(problem)}) from problem

    def due(self, now: datetime) -> datetime | None:
        """The instant that is due and was not taken; of several that were missed the last, and only that."""
        if not self.enabled:
            return None
        slot = last_until(self.cadence, now, self.zone)
        if slot is None or slot <= self.since or (self.last_at is not None and slot <= self.last_at):
            return None
        return slot

    def take(self, slot: datetime) -> None:
        """It was due at this instant, and is no more; the next one is worked out."""
        self.last_at = slot
        self.next_at = next_after(self.cadence, slot, self.zone)
        self._only_this().update(last_at=slot, next_at=self.next_at)

    def _only_this(self) -> models.QuerySet[Self]:
        rows: models.QuerySet[Self] = type(self)._base_manager.filter(tenant=self.tenant, pk=self.pk)
        return rows


Row = TypeVar("Row", bound=Scheduled)


@transaction.atomic
def keep_in_step(row: Row, *, anew: bool) -> Row:
    """Have beat know of the row as it is; ``anew`` says that its cadence changed, or that it was switched on."""
    now = timezone.now()
    changed: dict[str, Any] = {"since": now} if anew else {}
    changed["next_at"] = next_after(row.cadence, now, row.zone) if row.enabled else None
    if row.enabled:
        _tell_beat(row)
    else:
        forget(row)
    for name, value in changed.items():
        setattr(row, name, value)
    row._only_this().update(**changed)
    return row


def forget(row: Scheduled) -> None:
    """Beat knows nothing of the row any more."""
    PeriodicTask.objects.filter(name=_name(row)).delete()


@across_tenants("all schedules are kept in step at once")
def out_of_step(rows: models.QuerySet[Row]) -> list[Row]:
    """Those switched on that beat does not know, or knows with another time zone than their tenant's."""
    known = PeriodicTask.objects.filter(task=rows.model.scheduled_task).values_list("name", "crontab__timezone")
    zones = {name: str(zone) for name, zone in known}
    return [row for row in rows.filter(enabled=True).select_related("tenant") if zones.get(_name(row)) != str(row.zone)]


def forget_deleted(model: type[Scheduled]) -> None:
    """From now on beat forgets rows of the model that are deleted, by whatever; called once, in ``ready()``."""

    def gone(instance: Scheduled, **_: Any) -> None:
        forget(instance)

    post_delete.connect(gone, sender=model, weak=False, dispatch_uid=f"beat forgets {model.__name__}")


def _tell_beat(row: Scheduled) -> None:
    fields = {name: getattr(row.cadence.crontab, name) for name in row.cadence.crontab.__struct_fields__}
    fields["timezone"] = row.zone
    crontab = CrontabSchedule.objects.filter(**fields).first() or CrontabSchedule.objects.create(**fields)
    PeriodicTask.objects.update_or_create(
        name=_name(row),
        defaults={
            "task": row.scheduled_task,
            "crontab": crontab,
            "args": json.dumps([str(row.pk)]),
            "enabled": True,
            "description": str(row)[:200],
        },
    )


def _name(row: Scheduled) -> str:
    return f"{row.scheduled_task} {row.pk}"
