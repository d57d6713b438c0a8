"""Whether somebody asked not to be told."""

from __future__ import annotations

import uuid
from datetime import datetime

from alerting.incident_rows import Silence
from alerting.owned import RANKS
from alerting.rules import AlertRule


def silence_of(rule: AlertRule, severity: str, at: datetime) -> Silence | None:
    """The silence that an alert of the rule falls under; None: people are told."""
    for silence in active_silences(rule.tenant_id, at):
        if matches(silence, rule, severity):
            return silence
    return None


def active_silences(tenant_id: uuid.UUID | None, at: datetime) -> list[Silence]:
    """Those that hold now."""
    return list(Silence.objects.filter(tenant=tenant_id, starts_at__lte=at, ends_at__gt=at))


def matches(silence: Silence, rule: AlertRule, severity: str) -> bool:
    """Whether all that the silence names is as it says."""
    if silence.severity and RANKS[severity] > RANKS[silence.severity]:
        return False
    if silence.rules and str(rule.pk) not in silence.rules:
        return False
    return not silence.segment or silence.segment == rule.calls.part
