"""What people change: objectives, rules, silences, escalations. Each is one transaction with one audit entry."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from alerting import incidents
from alerting.channel_rows import Channel
from alerting.incident_rows import Alert, EscalationPolicy, Silence
from alerting.objectives import SLO
from alerting.rules import AlertRule, RuleState
from tenants.actor import current_actor
from tenants.changes import delete_row, save_row, snapshot, with_fields
from tenants.models import Tenant

MOST_STEPS = 10
_SAYS_NOTHING_ELSE = frozenset({"name", "description"})


def create_slo(*, tenant: Tenant | None = None, **fields: Any) -> SLO:
    """A new objective, the platform's unless ``tenant`` is given.

    Raises:
        ValidationError: a field is not valid, or the owner has one of this name.
    """
    return save_row(with_fields(SLO(tenant=tenant), fields))


@transaction.atomic
def create_slo_with_rule(*, tenant: Tenant | None = None, **fields: Any) -> SLO:
    """The same, and a rule that fires while its error budget burns too fast.

    Raises:
        ValidationError: a field is not valid, or the owner has an objective or a rule of this name.
    """
    slo = create_slo(tenant=tenant, **fields)
    create_rule(
        tenant=tenant, name=slo.name, kind=AlertRule.Kind.BURN_RATE, slo=slo, severity="critical", min_requests=50
    )
    return slo


def update_slo(*, slo: SLO, **fields: Any) -> SLO:
    """Change these fields.

    Raises:
        ValidationError: a field is not valid.
    """
    return save_row(with_fields(slo, fields))


@transaction.atomic
def delete_slo(*, slo: SLO) -> None:
    """Delete it with the rules that look at it; what fires is over."""
    for rule in AlertRule.objects.filter(tenant=slo.tenant_id, slo=slo):
        delete_rule(rule=rule)
    delete_row(slo)


def create_rule(*, tenant: Tenant | None = None, **fields: Any) -> AlertRule:
    """A new rule, the platform's unless ``tenant`` is given; it looks at the last quarter of an hour at once.

    Raises:
        ValidationError: a field is not valid, or the owner has a rule of this name.
    """
    return save_row(with_fields(AlertRule(tenant=tenant), fields))


def update_rule(*, rule: AlertRule, **fields: Any) -> AlertRule:
    """Change these fields, and see :func:`save_rule`."""
    return save_rule(with_fields(rule, fields))


@transaction.atomic
def save_rule(rule: AlertRule) -> AlertRule:
    """Save it. A rule that says something else than before begins anew: what fires is over.

    Raises:
        ValidationError: a field is not valid.
    """
    stored = AlertRule.objects.filter(tenant=rule.tenant_id, pk=rule.pk).first()
    row = save_row(rule)
    if stored is not None:
        before, after = snapshot(stored), snapshot(row)
        if any(after[name] != before[name] for name in after if name not in _SAYS_NOTHING_ELSE):
            begin_anew(row, "the rule was changed")
    return row


@transaction.atomic
def delete_rule(*, rule: AlertRule) -> None:
    """Delete it; what it fired for is over, and stays in the incidents."""
    begin_anew(rule, "the rule was deleted")
    delete_row(rule)


def begin_anew(rule: AlertRule, why: str) -> None:
    """What the rule fires for is over; it looks at what comes from now on."""
    now = timezone.now()
    rows = Alert.objects.select_related("incident").filter(tenant=rule.tenant_id, rule=rule, resolved_at=None)
    for alert in rows:
        incidents.close_alert(alert=alert, at=now, why=why)
    states = RuleState.objects.filter(tenant=rule.tenant_id, rule=rule)
    states.update(phase="ok", since=None, fired_at=None, clear_since=None, done_until=now, value=None, error="")


def create_silence(*, tenant: Tenant | None = None, **fields: Any) -> Silence:
    """Tell nobody of what it names, from now or later on.

    Raises:
        ValidationError: it ends before it begins, or names rules of somebody else.
    """
    row = with_fields(Silence(tenant=tenant, created_by=current_actor().name), fields)
    known = {str(key) for key in AlertRule.objects.filter(tenant=row.tenant_id).values_list("pk", flat=True)}
    if not isinstance(row.rules, list) or not set(map(str, row.rules)) <= known:
        raise ValidationError({"rules": "There is no such rule here."})
    return save_row(row)


def end_silence(*, silence: Silence) -> Silence:
    """People are told again from now on; one that has not begun is deleted.

    Raises:
        ValidationError: it is over already.
    """
    now = timezone.now()
    if silence.ends_at <= now:
        raise ValidationError("It is over already.")
    if silence.starts_at >= now:
        delete_row(silence)
        return silence
    return save_row(with_fields(silence, {"ends_at": now}))


def save_escalation(*, policy: EscalationPolicy, **fields: Any) -> EscalationPolicy:
    """A new one, or one that is changed; steps are put in order.

    Raises:
        ValidationError: a step names no channel of the owner, or there are too many.
    """
    row = with_fields(policy, fields)
    row.steps = _checked_steps(row)
    return save_row(row)


def _checked_steps(policy: EscalationPolicy) -> list[dict[str, Any]]:
    if not isinstance(policy.steps, list) or not 0 < len(policy.steps) <= MOST_STEPS:
        raise ValidationError({"steps": f"Give one to {MOST_STEPS} steps."})
    known = {str(key) for key in Channel.objects.filter(tenant=policy.tenant_id).values_list("pk", flat=True)}
    steps = []
    for step in policy.steps:
        minutes, channels = step.get("after_minutes"), [str(key) for key in step.get("channels", ())]
        if not isinstance(minutes, int) or not 1 <= minutes <= 1_440:
            raise ValidationError({"steps": "A step comes after 1 to 1440 minutes."})
        if not channels or not set(channels) <= known:
            raise ValidationError({"steps": "Each step tells at least one channel of yours."})
        steps.append({"after_minutes": minutes, "channels": channels})
    return sorted(steps, key=lambda step: int(step["after_minutes"]))
