"""The table of budgets: what a tenant, team, key or end user may spend in a window of calendar time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from contracts.budgets import BudgetAction, BudgetWindow
from contracts.money import shown_usd
from tenants.subjects import SUBJECT_MATCHES_LEVEL, SUBJECT_MESSAGE, AboutSubject, OfSubject, SubjectLevel
from tenants.validators import ROUTE_NAME

MAX_LIMIT_NANOUSD = 2**53
"""Nine million dollars: the counters are exact up to here (Redis' scripts count in double precision)."""
MAX_THRESHOLDS = 20
_THRESHOLD_LIMITS = [MinValueValidator(1), MaxValueValidator(1_000)]


def default_thresholds() -> list[int]:
    """Half, most and all of the budget."""
    return [50, 80, 100]


class BudgetSet(OfSubject):
    """Queries over budgets."""

    def enabled(self) -> BudgetSet:
        """Those that count."""
        return self.filter(enabled=True)


class Budget(AboutSubject):
    """At most so much money in each hour, day, week, month, or for ever."""

    class Window(models.TextChoices):
        """How long before the budget begins anew, in the tenant's time zone."""

        HOUR = BudgetWindow.HOUR.value
        DAY = BudgetWindow.DAY.value
        WEEK = BudgetWindow.WEEK.value
        MONTH = BudgetWindow.MONTH.value
        TOTAL = BudgetWindow.TOTAL.value, "for ever"

    class Action(models.TextChoices):
        """What happens to calls beyond the limit."""

        BLOCK = BudgetAction.BLOCK.value, "block calls"
        DEGRADE = BudgetAction.DEGRADE.value, "degrade calls"
        ALERT_ONLY = BudgetAction.ALERT_ONLY.value, "alert only"

    Level = SubjectLevel

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="budgets")
    name = models.CharField(max_length=100, help_text="Shown in errors, events and reports, such as 'monthly'.")
    level = models.CharField(max_length=8, choices=SubjectLevel.choices, default=SubjectLevel.TENANT)
    team = models.ForeignKey(
        "tenants.Team",
        models.CASCADE,
        related_name="budgets",
        null=True,
        blank=True,
        help_text="For level 'team' only.",
    )
    key = models.ForeignKey(
        "tenants.ApiKey",
        models.CASCADE,
        related_name="budgets",
        null=True,
        blank=True,
        help_text="For level 'key' only.",
    )
    limit_nanousd = models.PositiveBigIntegerField(
        "limit", help_text="The most that may be spent in one window, in nano-USD."
    )
    window = models.CharField(
        max_length=8,
        choices=Window.choices,
        default=Window.MONTH,
        help_text="Days, weeks (from Monday) and months begin at midnight in the tenant's time zone.",
    )
    action = models.CharField(
        "beyond the limit",
        max_length=16,
        choices=Action.choices,
        default=Action.BLOCK,
        help_text="Block: calls are refused with 402. Degrade: they go to a cheaper route or get shorter answers.",
    )
    thresholds = ArrayField(
        models.PositiveSmallIntegerField(validators=_THRESHOLD_LIMITS),
        default=default_thresholds,
        blank=True,
        size=MAX_THRESHOLDS,
        help_text="Percentages of the limit, ascending; crossing one is told once per window.",
    )
    degrade_route = models.CharField(
        max_length=128,
        blank=True,
        default="",
        validators=[ROUTE_NAME],
        help_text="With 'degrade': where calls go beyond the limit. Empty: the route they asked for.",
    )
    degrade_max_output_tokens = models.PositiveIntegerField(
        "degraded answer (tokens)",
        null=True,
        blank=True,
        help_text="With 'degrade': the longest answer beyond the limit. Empty: as asked for.",
    )
    counts_from = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When somebody last let the budget begin anew within its window; spending before does not count.",
    )
    enabled = models.BooleanField(default=True, help_text="A disabled budget neither counts nor acts.")

    objects = BudgetSet.as_manager()

    class Meta:
        """By tenant, level and name."""

        ordering = ("tenant", "level", "name", "window", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "level", "team", "key", "window", "name"],
                name="budget_unique",
                nulls_distinct=False,
                violation_error_message="There is a budget of this name, subject and window already.",
            ),
            models.CheckConstraint(
                name="budget_subject_matches_level",
                condition=SUBJECT_MATCHES_LEVEL,
                violation_error_message=SUBJECT_MESSAGE,
            ),
            models.CheckConstraint(
                name="budget_limit_in_range",
                condition=Q(limit_nanousd__gt=0, limit_nanousd__lte=MAX_LIMIT_NANOUSD),
                violation_error_message="A budget is more than 0 and at most 9,007,199.254740992 US dollars; to refuse "
                "everything, revoke the keys instead.",
            ),
            models.CheckConstraint(
                name="budget_window_known", condition=Q(window__in=[item.value for item in BudgetWindow])
            ),
            models.CheckConstraint(
                name="budget_degradation_matches_action",
                condition=Q(action__in=["block", "alert_only"], degrade_route="", degrade_max_output_tokens=None)
                | (Q(action="degrade") & (~Q(degrade_route="") | Q(degrade_max_output_tokens__isnull=False))),
                violation_error_message="Action 'degrade' needs a route or a longest answer; the others take neither.",
            ),
            models.CheckConstraint(
                name="budget_degraded_answer_positive",
                condition=Q(degrade_max_output_tokens=None) | Q(degrade_max_output_tokens__gt=0),
                violation_error_message="A degraded answer has at least one token.",
            ),
            models.CheckConstraint(
                name="budget_alert_has_thresholds",
                condition=~Q(action="alert_only") | Q(thresholds__len__gt=0),
                violation_error_message="A budget that only alerts needs at least one threshold.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name}: {shown_usd(self.limit_nanousd)}, {self.get_window_display()} ({self.get_level_display()})"

    def clean(self) -> None:
        """Thresholds ascend; the team or key belongs to the budget's own tenant."""
        super().clean()
        thresholds: list[Any] = self.thresholds or []
        # What is no number is told by the field itself.
        if all(isinstance(item, int) for item in thresholds) and any(a >= b for a, b in pairwise(thresholds)):
            raise ValidationError({"thresholds": "Write the thresholds in ascending order, each once."})
