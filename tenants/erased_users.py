"""Whose data was erased: what a late event is compared with. No id of an end user is kept in clear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from tenants.background_work import BackgroundWork
from tenants.rows import new_uuid7

if TYPE_CHECKING:
    # Django's classes take type arguments in their stubs only.
    DaysField = models.PositiveIntegerField[int | None, int | None]
else:
    DaysField = models.PositiveIntegerField

MAX_RETENTION_DAYS = 3650


def retention_days(what: str) -> DaysField:
    """A tenant's own number of days; empty for the platform's."""
    return models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_RETENTION_DAYS)],
        help_text=f"{what} Empty: the platform's setting.",
    )


class ErasedEndUser(models.Model):
    """One end user of one tenant, erased on request; known by the pseudonym that stands where the id stood."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="erased_end_users")
    pseudonym = models.CharField(max_length=64)
    erased_at = models.DateTimeField(default=timezone.now, help_text="What happened until then is erased.")

    class Meta:
        """One row a user."""

        constraints = (models.UniqueConstraint(fields=["tenant", "pseudonym"], name="erased_end_user_unique"),)

    def __str__(self) -> str:
        return self.pseudonym


class Erasure(BackgroundWork):
    """A request to erase an end user, and how far it is."""

    work_type = "erasure"

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="erasures")
    pseudonym = models.CharField(max_length=64)
    sealed = models.BinaryField(default=b"", help_text="The id, encrypted; empty once the erasure has ended.")
    key_id = models.CharField(max_length=16, default="")
    step = models.CharField(max_length=16, default="", help_text="What is being gone through: events or runs.")
    events = models.PositiveBigIntegerField(default=0)
    runs = models.PositiveBigIntegerField(default=0)
    usage_records = models.PositiveBigIntegerField(default=0)

    class Meta:
        """Found by tenant, the newest first."""

        indexes = (models.Index(fields=["tenant", "-requested_at"], name="erasure_of_tenant"),)

    def __str__(self) -> str:
        return f"{self.pseudonym} ({self.state})"

    def work_name(self) -> str:
        """The end user's pseudonym."""
        return self.pseudonym
