"""``alert.*``, ``incident.*``, deployments and what was done about them."""

from __future__ import annotations

from contracts.events.envelope import EventPayload


class AlertTriggered(EventPayload, frozen=True, kw_only=True):
    """A rule began to fire."""

    event_type = "alert.rule.triggered"
    layer = 4
    alert_id: str
    rule_id: str
    rule: str
    kind: str
    """``threshold`` | ``burn_rate`` | ``anomaly`` | ``absence``."""
    severity: str
    """``info`` | ``warning`` | ``critical``."""
    signal: str = ""
    segment: str
    """In words, such as ``route chat``."""
    summary: str
    value: float | None = None
    """In the signal's unit: shares of 1, milliseconds, nano-USD; of objectives the burn rate."""
    threshold: float | None = None
    began_at_ms: int
    """The first bad minute, Unix milliseconds."""
    fired_at_ms: int
    """The minute of the data with which it fired."""
    incident_id: str


class AlertResolved(EventPayload, frozen=True, kw_only=True):
    """What a rule fired for is over."""

    event_type = "alert.rule.resolved"
    layer = 4
    alert_id: str
    rule_id: str
    rule: str
    severity: str
    duration_s: int
    """From the first bad minute on."""
    incident_id: str


class IncidentChanged(EventPayload, frozen=True, kw_only=True):
    """Something happened to an incident; its timeline has the same."""

    event_type = "incident.state.changed"
    layer = 4
    incident_id: str
    title: str
    severity: str
    state: str
    """``open`` | ``acknowledged`` | ``resolved``."""
    change: str
    """``opened`` | ``reopened`` | ``alert_fired`` | ``alert_resolved`` | ``acknowledged`` | ``assigned`` |
    ``severity`` | ``note`` | ``escalated`` | ``silenced`` | ``action`` | ``action_undone`` | ``resolved``."""
    actor: str = ""
    """Empty: Breakwater itself."""


class CauseFound(EventPayload, frozen=True, kw_only=True):
    """Which calls explain an incident was worked out, and came to something else than before."""

    event_type = "incident.cause.found"
    layer = 4
    incident_id: str
    signal: str
    segment: str = ""
    """In words, such as ``provider openai``; empty: none stands out."""
    share: float | None = None
    """Of the change, that is not there without these calls."""


class DeploymentRecorded(EventPayload, frozen=True, kw_only=True):
    """Somebody told that a version of something went live."""

    event_type = "deployment.version.recorded"
    layer = 4
    deployment_id: str
    service: str
    version: str
    environment: str = ""
    note: str = ""
    link: str = ""
    deployed_at_ms: int
    actor: str = ""


class ActionTaken(EventPayload, frozen=True, kw_only=True):
    """An action of an alert was taken, tried in a dry run, held back, or failed."""

    event_type = "alert.action.taken"
    layer = 4
    run_id: str
    action_id: str
    action: str
    kind: str
    """``drain_target`` | ``open_breaker`` | ``degrade_route`` | ``roll_back_policy`` | ``roll_back_route`` |
    ``call_hook``."""
    outcome: str
    """``done`` | ``would`` | ``refused`` | ``failed``."""
    text: str
    alert_id: str
    incident_id: str


class ActionUndone(EventPayload, frozen=True, kw_only=True):
    """What an action changed was put back, or was left as somebody changed it since."""

    event_type = "alert.action.undone"
    layer = 4
    run_id: str
    action_id: str
    action: str
    kind: str
    """As of ``alert.action.taken``."""
    outcome: str
    """``undone`` | ``superseded``."""
    text: str
    actor: str
    incident_id: str


class AlertDelivered(EventPayload, frozen=True, kw_only=True):
    """A message about an incident was taken by a channel, or given up."""

    event_type = "alert.delivery.completed"
    layer = 4
    delivery_id: str
    channel_id: str
    channel: str
    kind: str
    """``email`` | ``slack`` | ``pagerduty`` | ``webhook``."""
    incident_id: str = ""
    what: str
    """``opened`` | ``acknowledged`` | ``resolved`` | ``escalated``, with a number where it comes again; ``test``."""
    delivered: bool
    tries: int
    error: str = ""
