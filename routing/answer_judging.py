"""Learning from what people say about kept answers: a route that was wrong has to be surer.

Each wrong answer raises the threshold and each right one lowers it a little, in such proportion that it comes to rest
where one answer in fifty is wrong (stochastic approximation of a quantile, Robbins and Monro 1951). It is worked out
anew from all that was said since it was last set back, so a changed mind leaves no trace.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q

from contracts.errors import InvalidRequest, RunNotFound
from contracts.events import CacheJudged, CacheThresholdChanged, EventContext
from events.selectors import events_of_run
from routing.judged_answers import AnswerJudgement, RouteConfidence
from routing.models import Route
from tenants.actor import current_actor
from tenants.changes import delete_row, save_row
from tenants.emitting import emit
from tenants.models import Tenant

WRONG_AT_REST: Final = 0.02
STEP: Final = 0.5
"""In log-odds: from 0.80, a wrong answer leads to 0.87, the next one to 0.91."""
LEAST: Final = 0.3
MOST: Final = 0.999


def adapted(confidence: float, judgements: Iterable[bool]) -> float:
    """The threshold after these judgements, True for right, in their order."""
    odds = math.log(confidence / (1 - confidence))
    bottom, top = (math.log(end / (1 - end)) for end in (LEAST, MOST))
    for right in judgements:
        odds += -STEP * WRONG_AT_REST if right else STEP * (1 - WRONG_AT_REST)
        odds = min(max(odds, bottom), top)
    return 1 / (1 + math.exp(-odds))


@transaction.atomic
def judge_answer(*, tenant: Tenant, correlation_id: str, right: bool, comment: str = "") -> RouteConfidence:
    """Take down whether the kept answer that served the call was right, and move the route's threshold; audited.

    Raises:
        RunNotFound: the tenant has no such call (yet).
        InvalidRequest: no kept answer to a question in other words served it, or its route is gone.
    """
    hit = _hit_of(tenant, correlation_id)
    route = _route_of(tenant, hit["route"])
    actor = current_actor().name
    row = _locked(tenant, route)
    AnswerJudgement.objects.update_or_create(
        tenant=tenant,
        correlation_id=correlation_id,
        defaults={
            "route": route,
            "right": right,
            "confidence": hit["confidence"],
            "similarity": hit["similarity"],
            "actor": actor[:200],
            "comment": comment[:500],
        },
    )
    said = list(AnswerJudgement.objects.filter(tenant=tenant, route=route).values_list("right", flat=True))
    before = row.confidence
    row.confidence = round(adapted(_configured(route), said), 6)
    row.right, row.wrong = sum(said), len(said) - sum(said)
    save_row(row)
    context = EventContext(tenant_id=str(tenant.pk), correlation_id=correlation_id)
    judged = CacheJudged(
        route=route.name,
        right=right,
        confidence=hit["confidence"],
        similarity=hit["similarity"],
        actor=actor,
        comment=comment[:500],
    )
    transaction.on_commit(lambda: emit(judged, context))
    _tell(route, before, row.confidence, "right" if right else "wrong", context)
    return row


@transaction.atomic
def reset_confidence(*, tenant: Tenant, route: Route) -> None:
    """Have the route's own threshold hold again, and forget what was said; nothing where it does. Audited."""
    row = RouteConfidence.objects.filter(tenant=tenant, route=route).select_for_update().first()
    if row is None:
        return
    AnswerJudgement.objects.filter(tenant=tenant, route=route).delete()
    before = row.confidence
    delete_row(row)
    _tell(route, before, _configured(route), "reset", EventContext(tenant_id=str(tenant.pk)))


def judgement_of(tenant: Tenant, correlation_id: str) -> AnswerJudgement | None:
    """What was said about the call's answer."""
    return AnswerJudgement.objects.filter(tenant=tenant, correlation_id=correlation_id).first()


def confidence_by_route(tenant_id: uuid.UUID) -> dict[str, float]:
    """The tenant's thresholds where they differ from the routes' own, by route id; one query."""
    rows = RouteConfidence.objects.for_tenant(tenant_id).values_list("route_id", "confidence")
    return {str(route_id): confidence for route_id, confidence in rows}


def _hit_of(tenant: Tenant, correlation_id: str) -> dict[str, Any]:
    events = events_of_run(str(tenant.pk), correlation_id)
    if not events:
        raise RunNotFound("There is no run with this correlation id. A run appears within two seconds of its call.")
    for event in events:
        payload: dict[str, Any] = event.payload
        if event.event_type == "cache.lookup.hit" and payload.get("mode") == "semantic":
            return payload
    raise InvalidRequest(
        "This call was not answered with a kept answer to a question in other words.", param="correlation_id"
    )


def _route_of(tenant: Tenant, name: str) -> Route:
    route: Route | None = (
        Route.objects.filter(Q(tenant=tenant) | Q(tenant=None), name=name)
        .order_by(F("tenant").asc(nulls_last=True))
        .first()
    )
    if route is None:
        raise InvalidRequest(f"The route '{name}' of this call is gone.", param="correlation_id")
    return route


def _locked(tenant: Tenant, route: Route) -> RouteConfidence:
    rows = RouteConfidence.objects.filter(tenant=tenant, route=route)
    found = rows.select_for_update().first()
    if found is None:
        found = save_row(RouteConfidence(tenant=tenant, route=route, confidence=_configured(route)))
    return found


def _configured(route: Route) -> float:
    return route.cache_confidence_percent / 100


def _tell(route: Route, before: float, after: float, reason: str, context: EventContext) -> None:
    if before != after:
        changed = CacheThresholdChanged(
            route=route.name, before=before, after=after, reason=reason, actor=current_actor().name
        )
        transaction.on_commit(lambda: emit(changed, context))
