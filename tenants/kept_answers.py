"""What a tenant's row says about caches: how much is kept for it, and the results of which tools."""

from __future__ import annotations

import re
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from contracts.specs import TenantCacheSpec

MIB: Final = 1024 * 1024
MAX_TOOLS: Final = 200
MAX_TOOL_TTL_S: Final = 30 * 86_400
_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")


def validate_cached_tools(value: Any) -> None:
    """Names of tools with seconds.

    Raises:
        ValidationError: it is something else.
    """
    if not isinstance(value, dict) or len(value) > MAX_TOOLS:
        raise ValidationError(f"Name at most {MAX_TOOLS} tools, each with a number of seconds.")
    for name, seconds in value.items():
        if not _TOOL_NAME.fullmatch(name):
            raise ValidationError(f"“{name}” is no name of a tool: letters, digits and _ . : / - are.")
        if type(seconds) is not int or not 1 <= seconds <= MAX_TOOL_TTL_S:
            raise ValidationError(f"Keep results of {name} for 1 to {MAX_TOOL_TTL_S:,} seconds.")


class HasCaches(models.Model):
    """The fields, for the model of tenants."""

    cache_max_mib = models.PositiveIntegerField(
        "most MiB kept",
        default=TenantCacheSpec().max_bytes // MIB,
        validators=[MinValueValidator(1), MaxValueValidator(102_400)],
        help_text="Kept answers and results of all routes and tools together; operators set it.",
    )
    cached_tools = models.JSONField(
        default=dict,
        blank=True,
        validators=[validate_cached_tools],
        help_text='Tools that give the same result for the same arguments, with seconds to keep it: {"geocode": 3600}.',
    )
    cache_generation = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        """Only a part of a row."""

        abstract = True


TENANT_CACHE_CONSTRAINT = models.CheckConstraint(name="tenant_cache_bounded", condition=Q(cache_max_mib__gt=0))


def tenant_cache_spec(row: HasCaches, confidence: dict[str, float]) -> TenantCacheSpec:
    """As gateways go by it; ``confidence`` is by route id."""
    return TenantCacheSpec(
        max_bytes=row.cache_max_mib * MIB,
        generation=row.cache_generation,
        confidence=confidence,
        tools=dict(row.cached_tools),
    )
