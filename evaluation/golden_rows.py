"""Golden sets with their versions and items.

A golden set has versions. The newest that no run has used is the draft: items are added, changed and removed there. A
run freezes its version; the next change makes another version, with the same items.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tenants.models import Tenant
from tenants.rows import ConfigRow, OfTenant, new_uuid7

MAX_NAME_LENGTH = 100
MAX_TEXT_LENGTH = 200_000
"""Characters of an item's input, expected answer, rubric, or of one passage."""


class TenantConfig(ConfigRow):
    """A row that people change and gateways hold no copy of."""

    class Meta:
        """No table of its own."""

        abstract = True

    def invalidations(self) -> list[Any]:
        """None: no compiled copy has it."""
        return []


class GoldenSet(TenantConfig):
    """Examples of what an application is asked, with what a good answer is like."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="golden_sets")
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    description = models.CharField(max_length=300, blank=True, default="")

    objects = OfTenant.as_manager()

    class Meta:
        """By name."""

        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="golden_set_of_tenant",
                violation_error_message="There is a golden set of this name already.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class GoldenVersion(models.Model):
    """The items of a set as they are, or were when a run first used them."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="golden_versions")
    golden_set = models.ForeignKey(GoldenSet, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(help_text="From 1, without gaps.")
    items = models.PositiveIntegerField(default=0, help_text="How many it has.")
    author = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    frozen_at = models.DateTimeField(null=True, help_text="When the first run used it; from then on nothing changes.")

    objects = OfTenant.as_manager()

    class Meta:
        """The newest first."""

        ordering = ("-number",)
        constraints = (models.UniqueConstraint(fields=["golden_set", "number"], name="version_of_golden_set"),)

    def __str__(self) -> str:
        return f"{self.golden_set.name} v{self.number}"


class GoldenItem(models.Model):
    """One example. ``key`` is the same in all versions that have it."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="golden_items")
    version = models.ForeignKey(GoldenVersion, models.CASCADE, related_name="rows")
    key = models.CharField(max_length=64)
    position = models.PositiveIntegerField()
    input = models.JSONField(help_text="A text, or the messages of a chat.")
    expected = models.TextField(blank=True, default="")
    context = models.JSONField(default=list, help_text="Passages that the answer is to rest on.")
    rubric = models.TextField(blank=True, default="", help_text="What a judge goes by.")
    tags = ArrayField(models.CharField(max_length=64), default=list)
    split = models.CharField(max_length=32, blank=True, default="")
    source = models.CharField(max_length=100, blank=True, default="", help_text="upload, api, console, or a call's id.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of its content, without key and source.")
    end_user = models.CharField(
        max_length=1_000,
        blank=True,
        default="",
        help_text="Who made the call that it was made of, also when edited.",
    )
    called_at = models.DateTimeField(null=True, help_text="When that call was made.")
    erased_at = models.DateTimeField(null=True, help_text="When its texts were erased with that end user.")

    objects = OfTenant.as_manager()

    class Meta:
        """In the set's order."""

        ordering = ("position", "id")
        constraints = (models.UniqueConstraint(fields=["version", "key"], name="golden_item_of_version"),)
        indexes = (models.Index(fields=["tenant", "end_user"], name="golden_items_of_user", condition=~Q(end_user="")),)

    def __str__(self) -> str:
        return self.key


class GoldenUpload(models.Model):
    """A file that was read and not yet taken: what its preview shows."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="golden_uploads")
    golden_set = models.ForeignKey(GoldenSet, models.CASCADE, related_name="uploads")
    file_name = models.CharField(max_length=200)
    items = models.JSONField(default=list)
    errors = models.JSONField(default=list, help_text="Pairs of line and sentence.")
    uploaded_by = models.CharField(max_length=200)
    uploaded_at = models.DateTimeField(default=timezone.now)

    objects = OfTenant.as_manager()

    def __str__(self) -> str:
        return self.file_name
