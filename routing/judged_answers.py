"""What was said about kept answers to questions in other words, and how sure routes have to be since."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from tenants.models import Tenant
from tenants.rows import ConfigRow, OfTenant, new_uuid7


class RouteConfidence(ConfigRow):
    """How sure a tenant's calls over a route have to be that they ask the same as a kept one."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="route_confidences")
    route = models.ForeignKey("routing.Route", models.CASCADE, related_name="confidences")
    confidence = models.FloatField(validators=[MinValueValidator(0.0), MaxValueValidator(1.0)])
    right = models.PositiveIntegerField(default=0)
    wrong = models.PositiveIntegerField(default=0)

    objects = OfTenant.as_manager()

    class Meta:
        """One a tenant and route."""

        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["tenant", "route"], name="route_confidence_unique"),
            models.CheckConstraint(name="route_confidence_share", condition=Q(confidence__gte=0, confidence__lte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.confidence:.3f}"

    def audit_name(self) -> str:
        """The route."""
        return str(self.route)


class AnswerJudgement(models.Model):
    """One kept answer that somebody found right or wrong."""

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="answer_judgements")
    route = models.ForeignKey("routing.Route", models.CASCADE, related_name="answer_judgements")
    correlation_id = models.CharField(max_length=64)
    right = models.BooleanField()
    confidence = models.FloatField()
    similarity = models.FloatField()
    actor = models.CharField(max_length=200)
    comment = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfTenant.as_manager()

    class Meta:
        """One a call; in the order in which they were said."""

        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["tenant", "correlation_id"], name="answer_judged_once")
        ]
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return self.correlation_id
