"""Rules in ``observability.yaml``."""

from __future__ import annotations

from typing import Any

from alerting.engine.signals import SIGNALS
from alerting.file.entries import Part, default, only, others, read_segment, segment_entry
from alerting.objectives import SLO
from alerting.owned import Severity
from alerting.rules import OPERATORS, AlertRule
from alerting.services import delete_rule, save_rule
from routing.configuration.located import Section
from routing.configuration.prices_section import written_usd
from routing.configuration.run import Run

Kind = AlertRule.Kind
_WHOLE = ("window_minutes", "for_minutes", "clear_minutes")
_LIMITS = ("threshold", "clear_threshold")
_OF_KINDS = {
    "slo": (Kind.BURN_RATE,),
    "signal": (Kind.THRESHOLD, Kind.ANOMALY),
    "operator": (Kind.THRESHOLD, Kind.ANOMALY),
    "evaluator": (Kind.THRESHOLD, Kind.ANOMALY),
    **dict.fromkeys(("threshold", "clear_threshold", "threshold_usd", "clear_threshold_usd"), (Kind.THRESHOLD,)),
    **dict.fromkeys(("sensitivity", "tolerance"), (Kind.ANOMALY,)),
}
"""What only rules of some kinds have."""


def _apply(row: AlertRule, entry: Section, run: Run) -> None:
    row.description = entry.text("description")
    row.kind = entry.choice("kind", Kind.values, Kind.THRESHOLD.value)
    row.severity = entry.choice("severity", Severity.values, default(AlertRule, "severity"))
    row.enabled = entry.flag("enabled", default=True)
    row.signal = entry.choice("signal", sorted(SIGNALS), "")
    row.evaluator = entry.text("evaluator")
    row.operator = entry.choice("operator", [name for name, _title in OPERATORS], default(AlertRule, "operator"))
    row.sensitivity = entry.choice("sensitivity", AlertRule.Sensitivity.values, default(AlertRule, "sensitivity"))
    row.tolerance = entry.number("tolerance")
    row.min_requests = entry.whole("min_requests", default(AlertRule, "min_requests"))
    for name in _WHOLE:
        setattr(row, name, entry.whole(name, default(AlertRule, name), minimum=1))
    read_segment(entry, row)
    row.slo = _slo(row, entry)
    only(entry, {name: row.kind in kinds for name, kinds in _OF_KINDS.items()}, f"a rule of kind {row.kind}")
    places = {name: _read_limit(row, name, entry) for name in _LIMITS}
    run.save(row, entry, places, by=save_rule)


def _slo(row: AlertRule, entry: Section) -> SLO | None:
    name = entry.text("slo")
    found: SLO | None = SLO.objects.filter(tenant=row.tenant_id, name=name).first() if name else None
    if name and found is None:
        entry.problem(f"rule {row.name}: there is no objective {name!r} of the same owner", "slo")
    return found


def _in_money(row: AlertRule) -> bool:
    return row.signal in SIGNALS and SIGNALS[row.signal].unit == "money"


def _read_limit(row: AlertRule, name: str, entry: Section) -> tuple[Section, str]:
    """Money in dollars, under a name that says so; where the limit is written."""
    values = {name: entry.number(name, minimum=float("-inf")), f"{name}_usd": entry.dollars(f"{name}_usd")}
    written = f"{name}_usd" if _in_money(row) else name
    for other in {name, f"{name}_usd"} - {written}:
        if entry.has(other):
            entry.problem(f"rule {row.name}: {row.signal or row.kind} has its limit in {written}", other)
    setattr(row, name, values[written])
    return entry, written


def _fields(row: AlertRule) -> dict[str, Any]:
    fields: dict[str, Any] = others(row, ("description", "kind", "severity", "enabled"))
    if row.slo is not None:
        fields["slo"] = row.slo.name
    fields |= others(row, ("signal", "evaluator")) | segment_entry(row) | others(row, ("operator",))
    for name in _LIMITS:
        value = getattr(row, name)
        if value is not None and _in_money(row):
            fields[f"{name}_usd"] = written_usd(int(value))
        elif value is not None:
            fields[name] = value
    return fields | others(row, (*_WHOLE, "min_requests", "sensitivity", "tolerance"))


PART = Part("rules", AlertRule, _apply, _fields, lambda row: delete_rule(rule=row))
