"""What happens to incidents: by themselves as alerts come and go, and by people. Each step is an entry and an event."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from alerting import telling
from alerting.engine.grouping import EVERYTHING, TOGETHER_S, Candidate, incident_for
from alerting.incident_rows import Alert, Incident, IncidentEntry
from alerting.owned import RANKS
from alerting.rules import AlertRule, RuleState
from alerting.silences import silence_of
from contracts.events import AlertResolved, AlertTriggered, EventContext, EventPayload, IncidentChanged
from tenants.actor import current_actor
from tenants.audit import AuditEntry
from tenants.audit_log import note as audit_note
from tenants.emitting import emit
from tenants.models import User

Kind = IncidentEntry.Kind
State = Incident.State
_MOST_CANDIDATES: Final = 50


# --- by themselves --------------------------------------------------------------------------------------


@transaction.atomic
def open_alert(
    *, rule: AlertRule, severity: str, began_at: datetime, fired_at: datetime, value: float | None, summary: str
) -> Alert:
    """A rule fires: a new alert, in an incident that goes on or in a new one.

    A rule that is not stored stands for what somebody else found (:mod:`alerting.findings`): the alert has none.
    """
    incident, change = _incident_of(rule, severity, began_at)
    stored = None if rule._state.adding else rule
    alert = Alert.objects.create(
        tenant_id=rule.tenant_id,
        rule=stored,
        incident=incident,
        name=rule.name,
        severity=severity,
        segment=str(rule.calls),
        signal=rule.signal,
        summary=summary[:300],
        value=value,
        worst=value,
        threshold=rule.threshold,
        began_at=began_at,
        fired_at=fired_at,
        noticed_at=timezone.now(),
    )
    if change is Kind.FIRED:
        _grow(incident, severity)
    _write(incident, change, summary)
    _emit(
        incident,
        AlertTriggered(
            alert_id=str(alert.pk),
            rule_id=str(stored.pk) if stored else "",
            rule=rule.name,
            kind=rule.kind,
            severity=severity,
            signal=rule.signal,
            segment=alert.segment,
            summary=alert.summary,
            value=value,
            threshold=rule.threshold,
            began_at_ms=int(began_at.timestamp() * 1000),
            fired_at_ms=int(fired_at.timestamp() * 1000),
            incident_id=str(incident.pk),
        ),
    )
    _hush_or_tell(incident, rule, severity, change)
    return alert


@transaction.atomic
def worsen(*, alert: Alert, severity: str, summary: str) -> None:
    """What fires has become worse: those are told who asked for nothing less."""
    alert.severity, alert.summary = severity, summary[:300]
    alert.save(update_fields=["severity", "summary"])
    incident = _locked(alert.incident)
    if RANKS[severity] > RANKS[incident.severity]:
        _write(incident, Kind.SEVERITY, f"From {incident.severity} to {severity}. {summary}")
        _grow(incident, severity)


@transaction.atomic
def close_alert(*, alert: Alert, at: datetime, why: str = "") -> None:
    """What the rule fired for is over; with its last alert the incident is as well."""
    alert.resolved_at = at
    alert.save(update_fields=["resolved_at"])
    incident = _locked(alert.incident)
    _write(incident, Kind.CLEARED, f"{alert.name}: {why or 'all is well again'}.")
    _emit(
        incident,
        AlertResolved(
            alert_id=str(alert.pk),
            rule_id=str(alert.rule_id or ""),
            rule=alert.name,
            severity=alert.severity,
            duration_s=max(0, int((at - alert.began_at).total_seconds())),
            incident_id=str(incident.pk),
        ),
    )
    if incident.is_open and not _alerts(incident).filter(resolved_at=None).exists():
        _resolve(incident, at=at, by="", text="All of its alerts are over.")


def _incident_of(rule: AlertRule, severity: str, began_at: datetime) -> tuple[Incident, IncidentEntry.Kind]:
    """The incident that the alert belongs to, locked, and what this means for it."""
    young = Q(resolved_at=None) | Q(resolved_at__gte=began_at - timedelta(seconds=TOGETHER_S))
    rows = list(
        Incident.objects.select_for_update()
        .filter(young, tenant=rule.tenant_id)
        .order_by("-began_at")[:_MOST_CANDIDATES]
    )
    chosen = incident_for(_segment(rule), str(rule.pk), int(began_at.timestamp()), map(_candidate, rows))
    for incident in rows:
        if str(incident.pk) == chosen:
            if incident.is_open:
                return incident, Kind.FIRED
            _reopen(incident)
            return incident, Kind.REOPENED
    incident = Incident.objects.create(
        tenant_id=rule.tenant_id, title=_title(rule), severity=severity, began_at=began_at, opened_at=timezone.now()
    )
    return incident, Kind.OPENED


def _candidate(incident: Incident) -> Candidate:
    alerts = list(_alerts(incident).values_list("segment", "rule_id", "began_at"))
    return Candidate(
        id=str(incident.pk),
        segments=frozenset(EVERYTHING if segment == "all calls" else segment for segment, _, _ in alerts),
        rules=frozenset(str(rule) for _, rule, _ in alerts if rule),
        last_began_s=int(max((at for _, _, at in alerts), default=incident.began_at).timestamp()),
        resolved_s=int(incident.resolved_at.timestamp()) if incident.resolved_at else None,
    )


def _segment(rule: AlertRule) -> str:
    return EVERYTHING if rule.calls.kind == "all" else str(rule.calls)


def _title(rule: AlertRule) -> str:
    return rule.name if rule.calls.kind == "all" else f"{rule.name} ({rule.calls})"


def _reopen(incident: Incident) -> None:
    incident.state, incident.resolved_at, incident.resolved_by = State.OPEN, None, ""
    incident.acknowledged_at, incident.acknowledged_by, incident.escalated_step = None, "", 0
    incident.opened_at = timezone.now()
    incident.opened_times += 1
    incident.save()


def _grow(incident: Incident, severity: str) -> None:
    if RANKS[severity] > RANKS[incident.severity]:
        incident.severity = severity
        incident.save(update_fields=["severity", "updated_at"])
        # Who asked for the worst alone is told now.
        telling.tell(incident, f"opened:{incident.opened_times}")


def _hush_or_tell(incident: Incident, rule: AlertRule, severity: str, change: IncidentEntry.Kind) -> None:
    silence = silence_of(rule, severity, timezone.now())
    if change in (Kind.OPENED, Kind.REOPENED):
        incident.silenced = silence is not None
        incident.save(update_fields=["silenced", "updated_at"])
        if silence is not None:
            _write(incident, Kind.SILENCED, f"Nobody is told: {silence.reason}.")
            return
    elif incident.silenced and silence is None:
        # Something joined that nobody asked to be spared of.
        incident.silenced = False
        incident.save(update_fields=["silenced", "updated_at"])
    telling.tell(incident, f"opened:{incident.opened_times}")


# --- by people ------------------------------------------------------------------------------------------


@transaction.atomic
def acknowledge(*, incident: Incident) -> Incident:
    """Somebody looks at it: no further escalation.

    Raises:
        ValidationError: it is over, or acknowledged already.
    """
    row = _locked(incident)
    if row.state != State.OPEN:
        raise ValidationError(f"It is {row.get_state_display().lower()} already.")
    by = current_actor().name
    row.state, row.acknowledged_at, row.acknowledged_by = State.ACKNOWLEDGED, timezone.now(), by
    row.save()
    _write(row, Kind.ACKNOWLEDGED, "", by=by)
    telling.tell(row, f"acknowledged:{row.opened_times}", telling.told_of(row))
    return _audited(row, {"state": row.state})


@transaction.atomic
def resolve(*, incident: Incident, text: str = "") -> Incident:
    """Somebody says that it is over; alerts that go on are closed with it.

    Raises:
        ValidationError: it is over already.
    """
    row = _locked(incident)
    if not row.is_open:
        raise ValidationError("It is resolved already.")
    now = timezone.now()
    _alerts(row).filter(resolved_at=None).update(resolved_at=now)
    _forget_states(row, now)
    _resolve(row, at=now, by=current_actor().name, text=text)
    return _audited(row, {"state": row.state})


@transaction.atomic
def assign(*, incident: Incident, owner: User | None) -> Incident:
    """Somebody looks after it from now on, or nobody."""
    row = _locked(incident)
    row.owner = owner
    row.save(update_fields=["owner", "updated_at"])
    _write(row, Kind.ASSIGNED, f"{owner.username} looks after it." if owner else "Nobody looks after it.", by=_actor())
    return _audited(row, {"owner": owner.username if owner else None})


@transaction.atomic
def set_severity(*, incident: Incident, severity: str) -> Incident:
    """Say how bad it is.

    Raises:
        ValidationError: there is no such severity.
    """
    if severity not in RANKS:
        raise ValidationError("Choose info, warning or critical.")
    row = _locked(incident)
    if row.severity == severity:
        return row
    before, row.severity = row.severity, severity
    row.save(update_fields=["severity", "updated_at"])
    _write(row, Kind.SEVERITY, f"From {before} to {severity}.", by=_actor())
    if row.is_open:
        telling.tell(row, f"opened:{row.opened_times}")
    return _audited(row, {"severity": severity})


@transaction.atomic
def add_note(*, incident: Incident, text: str) -> IncidentEntry:
    """Write something into the timeline.

    Raises:
        ValidationError: it is empty, or too long.
    """
    row = _locked(incident)
    text = text.strip()
    if not text:
        raise ValidationError("Write something.")
    entry = IncidentEntry(
        tenant_id=row.tenant_id, incident=row, at=timezone.now(), kind=Kind.NOTE, actor=_actor(), text=text
    )
    entry.full_clean(exclude=["tenant", "incident"])
    entry.save()
    _tell_of_change(row, Kind.NOTE, entry.actor)
    _audited(row, {"note": text[:200]})
    return entry


# --- shared ---------------------------------------------------------------------------------------------


def note_escalation(incident: Incident, text: str) -> None:
    """Write that further people were told."""
    _write(incident, Kind.ESCALATED, text)


def note_action(incident: Incident, text: str, *, undone: bool = False, by: str = "") -> None:
    """Write what was done by itself, or put back."""
    _write(incident, Kind.UNDONE if undone else Kind.ACTION, text, by=by)


def _resolve(incident: Incident, *, at: datetime, by: str, text: str) -> None:
    incident.state, incident.resolved_at, incident.resolved_by = State.RESOLVED, at, by
    incident.save()
    _write(incident, Kind.RESOLVED, text, by=by)
    telling.tell(incident, f"resolved:{incident.opened_times}", telling.told_of(incident))


def _forget_states(incident: Incident, now: datetime) -> None:
    """Rules whose alerts a person closed begin anew: they fire again only for what comes from now on."""
    keys = _alerts(incident).values_list("rule_id", flat=True)
    states = RuleState.objects.filter(tenant=incident.tenant_id, rule_id__in=[key for key in keys if key])
    states.update(phase="ok", since=None, fired_at=None, clear_since=None, done_until=now)


def _alerts(incident: Incident) -> QuerySet[Alert]:
    return Alert.objects.filter(tenant=incident.tenant_id, incident=incident)


def _locked(incident: Incident) -> Incident:
    row: Incident = Incident.objects.select_for_update().get(tenant=incident.tenant_id, pk=incident.pk)
    return row


def _write(incident: Incident, kind: IncidentEntry.Kind, text: str, *, by: str = "") -> None:
    IncidentEntry.objects.create(
        tenant_id=incident.tenant_id, incident=incident, at=timezone.now(), kind=kind, actor=by, text=text
    )
    _tell_of_change(incident, kind, by)


def _tell_of_change(incident: Incident, kind: IncidentEntry.Kind, by: str) -> None:
    _emit(
        incident,
        IncidentChanged(
            incident_id=str(incident.pk),
            title=incident.title,
            severity=incident.severity,
            state=incident.state,
            change=kind.value,
            actor=by,
        ),
    )


def _emit(incident: Incident, event: EventPayload) -> None:
    context = EventContext(tenant_id=str(incident.tenant_id or ""))
    transaction.on_commit(lambda: emit(event, context), robust=True)


def _audited(incident: Incident, details: dict[str, object]) -> Incident:
    audit_note(
        AuditEntry.Action.UPDATED,
        object_type="incident",
        object_id=str(incident.pk),
        object_name=incident.title,
        tenant_id=incident.tenant_id,
        details=details,
    )
    return incident


def _actor() -> str:
    return current_actor().name
