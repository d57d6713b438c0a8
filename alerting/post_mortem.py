"""An incident as a document: what is known of it, and headings for what people have to write."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from alerting.causes.selecting import causes_of
from alerting.causes.table import as_lines
from alerting.incident_rows import Alert, Incident, IncidentEntry
from console import formats


def post_mortem(incident: Incident, *, costs: bool = True) -> str:
    """Markdown; times are in the tenant's zone. Without ``costs``, the causes of what costs are left out."""
    zone = ZoneInfo(incident.tenant.time_zone if incident.tenant else "UTC")

    def at(moment: datetime | None) -> str:
        return "–" if moment is None else f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"

    facts = [
        ("Affected", incident.tenant.name if incident.tenant else "All tenants"),
        ("Severity", incident.get_severity_display()),
        ("Began", at(incident.began_at)),
        ("Noticed", f"{at(incident.opened_at)}{_after(incident.began_at, incident.opened_at)}"),
        ("Acknowledged", f"{at(incident.acknowledged_at)}{_after(incident.opened_at, incident.acknowledged_at)}"),
        ("Resolved", f"{at(incident.resolved_at)}{_after(incident.began_at, incident.resolved_at)}"),
        ("Owner", incident.owner.username if incident.owner else "–"),
    ]
    lines = [f"# {_plain(incident.title)}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_plain(value)} |" for name, value in facts]
    lines += ["", "## Summary", "", "_What happened, in two sentences._", "", "## Alerts", ""]
    lines += ["| rule | calls | began | lasted | what |", "|---|---|---|---|---|"]
    for alert in Alert.objects.filter(tenant=incident.tenant_id, incident=incident).order_by("began_at"):
        lasted = _lasted(alert.began_at, alert.resolved_at) or "goes on"
        lines.append(
            f"| {_plain(alert.name)} | {_plain(alert.segment)} | {at(alert.began_at)} | {lasted} | "
            f"{_plain(alert.summary)} |"
        )
    lines += ["", "## Timeline", ""]
    for entry in IncidentEntry.objects.filter(tenant=incident.tenant_id, incident=incident):
        who = f" ({_plain(entry.actor)})" if entry.actor else ""
        said = f": {_plain(entry.text)}" if entry.text else ""
        lines.append(f"* {at(entry.at)} **{entry.get_kind_display()}**{who}{said}")
    lines += ["", "## Impact", "", "## Cause", "", *_causes(incident, zone, costs=costs)]
    lines += ["## What went well, what did not", "", "## What we do about it", ""]
    return "\n".join(lines)


def _causes(incident: Incident, zone: ZoneInfo, *, costs: bool) -> list[str]:
    found = causes_of(incident)
    if found is None:
        return []
    row, evidence = found
    if evidence.unit == "money" and not costs:
        return []
    written = [f"> {_plain(row.summary)}", ">", f"> _Written by {row.summary_model}, from the table below._", ""]
    return [*(written if row.summary else []), *as_lines(evidence, zone), ""]


def _after(start: datetime, end: datetime | None) -> str:
    lasted = _lasted(start, end)
    return f" (after {lasted})" if lasted else ""


def _lasted(start: datetime, end: datetime | None) -> str:
    return "" if end is None else formats.duration(max(0.0, (end - start).total_seconds()) * 1000)


def _plain(text: str) -> str:
    """On one line, and no markup of a table."""
    return " ".join(text.split()).replace("|", "\\|")
