"""Single hits of rules, as their events tell them; sums of them are in :mod:`events.traffic.rules`."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform

from events.models import EventRecord
from events.traffic.rules import MATCHED


def hits_of(
    rows: QuerySet[EventRecord], *, start: datetime, end: datetime, policy_id: str = "", rule_id: str = ""
) -> QuerySet[EventRecord]:
    """Those of ``rows`` that tell of a hit in this time, the newest first.

    Conditions are written as the partial indexes of ``events_event`` have them (``payload ->> 'policy_id'``).
    """
    found = rows.filter(event_type=MATCHED, occurred_at__gte=start, occurred_at__lt=end)
    if policy_id:
        found = found.alias(of_policy=KeyTextTransform("policy_id", "payload")).filter(of_policy=policy_id)
    if rule_id:
        found = found.alias(of_rule=KeyTextTransform("rule_id", "payload")).filter(of_rule=rule_id)
    return found.order_by("-occurred_at", "-event_id")
