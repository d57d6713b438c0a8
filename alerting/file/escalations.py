"""Escalations in ``observability.yaml``."""

from __future__ import annotations

from typing import Any

from alerting.channel_rows import Channel
from alerting.file.entries import Part, default, others
from alerting.incident_rows import EscalationPolicy
from alerting.owned import Severity
from alerting.services import save_escalation
from routing.configuration.located import Section
from routing.configuration.run import Run
from tenants.changes import delete_row


def _apply(row: EscalationPolicy, entry: Section, run: Run) -> None:
    row.from_severity = entry.choice("from_severity", Severity.values, default(EscalationPolicy, "from_severity"))
    row.enabled = entry.flag("enabled", default=True)
    steps = _steps(row, entry)
    if steps is not None:
        run.save(row, entry, by=lambda policy: save_escalation(policy=policy, steps=steps))


def _steps(row: EscalationPolicy, entry: Section) -> list[dict[str, Any]] | None:
    """With the ids of their channels; None, with a problem, where one is no step."""
    listed = entry.get("steps")
    if listed is None or not listed.is_list():
        entry.problem(f"escalation {row.name} needs a list of steps", "steps")
        return None
    known = {one.name: str(one.pk) for one in Channel.objects.filter(tenant=row.tenant_id)}
    steps = []
    for element in listed.elements():
        step = Section(element)
        names = step.texts("channels", known)
        steps.append({"after_minutes": step.whole("after_minutes"), "channels": [known[name] for name in names]})
        step.finish()
    return steps


def _fields(row: EscalationPolicy) -> dict[str, Any]:
    names = {str(one.pk): one.name for one in Channel.objects.filter(tenant=row.tenant_id)}
    steps = [
        {"after_minutes": step["after_minutes"], "channels": [names[key] for key in step["channels"] if key in names]}
        for step in row.steps
    ]
    return {**others(row, ("from_severity", "enabled")), "steps": steps}


PART = Part("escalations", EscalationPolicy, _apply, _fields, delete_row)
