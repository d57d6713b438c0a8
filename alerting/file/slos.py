"""Objectives in ``observability.yaml``."""

from __future__ import annotations

from typing import Any

from alerting.file.entries import Part, default, only, others, read_segment, segment_entry
from alerting.objectives import SLO
from alerting.services import delete_slo
from routing.configuration.located import Section
from routing.configuration.prices_section import written_usd
from routing.configuration.run import Run

Kind = SLO.Kind
LIMITS = {Kind.LATENCY.value: "limit_ms", Kind.COST.value: "limit_usd", Kind.SCORE.value: "limit"}
"""How each kind's limit is written."""


def _apply(row: SLO, entry: Section, run: Run) -> None:
    row.description = entry.text("description")
    row.kind = entry.choice("kind", Kind.values, Kind.AVAILABILITY.value)
    row.objective = entry.number("objective", default(SLO, "objective"), maximum=1.0)
    row.window_days = entry.whole("window_days", default(SLO, "window_days"), minimum=1)
    row.evaluator = entry.text("evaluator")
    row.enabled = entry.flag("enabled", default=True)
    read_segment(entry, row)
    written = LIMITS.get(row.kind, "")
    only(entry, {name: name == written for name in LIMITS.values()}, f"an objective of {row.kind}")
    row.limit = _limit(entry, written)
    run.save(row, entry, {"limit": (entry, written)})


def _limit(entry: Section, written: str) -> float | None:
    # All are read: those that do not fit have their problem already, and are not unknown as well.
    limits = {name: entry.number(name) for name in ("limit_ms", "limit")} | {"limit_usd": entry.dollars("limit_usd")}
    return limits.get(written)


def _fields(row: SLO) -> dict[str, Any]:
    fields: dict[str, Any] = {**others(row, ("description", "kind")), **segment_entry(row)}
    if row.limit is not None:
        plain = int(row.limit) if row.limit == int(row.limit) else row.limit
        fields[LIMITS[row.kind]] = written_usd(int(row.limit)) if row.kind == Kind.COST else plain
    return fields | {"objective": row.objective} | others(row, ("evaluator", "window_days", "enabled"))


PART = Part("slos", SLO, _apply, _fields, lambda row: delete_slo(slo=row))
