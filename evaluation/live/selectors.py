"""What pages and the API ask of live evaluations: figures of a stretch of time, their course, the lowest scores."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from django.db.models import Avg, Count, F, Func, Q, QuerySet, Sum, Value
from django.db.models.fields import DateTimeField, DurationField

from evaluation.models import LiveEvaluation, LiveLoss, LiveScore

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)


class Period(msgspec.Struct, frozen=True):
    """A stretch that ends now, in equal steps."""

    name: str
    label: str
    length: timedelta
    step: timedelta


PERIODS: Final = {
    one.name: one
    for one in (
        Period("1h", "Last hour", timedelta(hours=1), timedelta(minutes=1)),
        Period("24h", "Last 24 hours", DAY, timedelta(minutes=15)),
        Period("7d", "Last 7 days", 7 * DAY, timedelta(hours=1)),
        Period("30d", "Last 30 days", 30 * DAY, timedelta(hours=6)),
    )
}


class EvaluatorFigures(msgspec.Struct, frozen=True):
    """What one evaluator said in a stretch of time."""

    evaluator: str
    scored: int
    mean: float | None
    before: float | None
    """The mean of as long a time before."""
    low: int
    """Scores below a half."""


class Course(msgspec.Struct, frozen=True):
    """Means of each step by evaluator; None where nothing was scored."""

    times: list[datetime]
    means: dict[str, list[float | None]]
    counts: list[int]


def scores_of(evaluation: LiveEvaluation, since: datetime) -> QuerySet[LiveScore]:
    """Of calls that ended since then."""
    found: QuerySet[LiveScore] = LiveScore.objects.for_tenant(evaluation.tenant_id).filter(
        evaluation=evaluation, at__gte=since
    )
    return found


def figures(evaluation: LiveEvaluation, period: Period, now: datetime) -> list[EvaluatorFigures]:
    """Of each evaluator that said anything, by name."""
    since = now - period.length
    this, last = Q(at__gte=since), Q(at__lt=since)
    rows = (
        scores_of(evaluation, since - period.length)
        .order_by("evaluator")
        .values("evaluator")
        .annotate(
            scored=Count("value", filter=this),
            mean=Avg("value", filter=this),
            before=Avg("value", filter=last),
            low=Count("value", filter=this & Q(value__lt=0.5)),
        )
    )
    return [EvaluatorFigures(**row) for row in rows]


def course(evaluation: LiveEvaluation, period: Period, now: datetime) -> Course:
    """The means of each step up to now."""
    step_s = int(period.step.total_seconds())
    end_s = -(-int(now.timestamp()) // step_s) * step_s
    first_s = end_s - int(period.length.total_seconds())
    places = (end_s - first_s) // step_s
    rows = (
        scores_of(evaluation, datetime.fromtimestamp(first_s, UTC))
        .filter(value__isnull=False)
        .annotate(step=_step(period.step))
        .order_by()
        .values_list("evaluator", "step")
        .annotate(mean=Avg("value"), scored=Count("pk"))
    )
    means: dict[str, list[float | None]] = {}
    counts = [0] * places
    for evaluator, at, mean, scored in rows:
        place = (int(at.timestamp()) - first_s) // step_s
        if 0 <= place < places:
            means.setdefault(evaluator, [None] * places)[place] = round(mean, 4)
            counts[place] += scored
    times = [datetime.fromtimestamp(first_s + place * step_s, UTC) for place in range(places)]
    return Course(times, dict(sorted(means.items())), counts)


def judges_cost(evaluation: LiveEvaluation, since: datetime) -> int:
    """Of the calls that ended since then, in nano-USD."""
    return int(scores_of(evaluation, since).aggregate(total=Sum("cost_nanousd"))["total"] or 0)


def losses(tenant_id: uuid.UUID, since: datetime) -> list[tuple[str, int]]:
    """Sampled calls of the tenant that were not scored, by reason in words."""
    rows = LiveLoss.objects.for_tenant(tenant_id).filter(hour__gte=since.replace(minute=0, second=0, microsecond=0))
    found = rows.order_by("reason").values_list("reason").annotate(total=Sum("calls"))
    return [(str(LiveLoss.Reason(reason).label), total) for reason, total in found]


def with_day(rows: QuerySet[Any], now: datetime) -> QuerySet[Any]:
    """Live evaluations with ``scored``, ``mean`` and ``judged_nanousd`` of the last 24 hours."""
    recent = Q(scores__at__gte=now - DAY)
    found: QuerySet[Any] = rows.annotate(
        scored=Count("scores__sample", filter=recent, distinct=True),
        mean=Avg("scores__value", filter=recent),
        judged_nanousd=Sum("scores__cost_nanousd", filter=recent),
    )
    return found


def _step(width: timedelta) -> Func:
    return Func(
        Value(width, output_field=DurationField()),
        F("at"),
        Value(EPOCH, output_field=DateTimeField()),
        function="date_bin",
        output_field=DateTimeField(),
    )
