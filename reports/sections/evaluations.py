"""Evaluation runs that ended, differences that are more than chance, and what gates said."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Q

from console import formats
from contracts.tenant_scope import across_tenants
from evaluation.models import EvalRun, ScheduledRun
from evaluation.summaries import HIGHER_IS_BETTER, MEASURES
from reports.engine.content import Cell, Column, Figure, Section, Table, Todo
from reports.sections.base import Asked, Kind
from tenants.roles import TenantPermission

MOST_RUNS: Final = 12
MOST_DIFFERENCES: Final = 12
UNITS: Final = {"latency_ms": "ms", "cost_nanousd": "money", "output_tokens": "tokens"}
NAMES: Final = {
    "answered": "Answered",
    "latency_ms": "Latency",
    "cost_nanousd": "Cost per answer",
    "output_tokens": "Output tokens",
}


def read(asked: Asked) -> Section | None:
    """None where no run ended."""
    runs = _runs(asked)
    if not runs:
        return None
    gates = _gates(asked, runs)
    failed = sum(one.gate_outcome["outcome"] == "fail" for one in gates if one.gate_outcome)
    figures = _differences(runs[0]) if asked.run is not None else []
    said = f" {failed} of {len(gates)} gates failed." if gates else ""
    return Section(
        key="evaluations",
        title="Evaluation",
        summary=f"{formats.counted(len(runs), 'run')} ended.{said}",
        figures=figures,
        tables=[_table(runs), *_proven(runs, single=asked.run is not None), *_gate_table(gates)],
        todos=_todos(runs, gates),
        page="eval-runs",
        permission=TenantPermission.VIEW_RUNS.value,
    )


def _runs(asked: Asked) -> list[EvalRun]:
    if asked.run is not None:
        return [asked.run]
    rows = EvalRun.objects.filter(ended_at__gte=asked.start, ended_at__lt=asked.end).select_related(
        "version__golden_set"
    )
    with across_tenants("runs of all tenants, in the platform's report"):
        mine = rows if asked.tenant is None else rows.filter(tenant=asked.tenant)
        return list(mine[:MOST_RUNS])


def _gates(asked: Asked, runs: list[EvalRun]) -> list[ScheduledRun]:
    with across_tenants("of the runs that were read for this owner"):
        rows = ScheduledRun.objects.filter(~Q(gate_outcome=None), run__in=runs).select_related("schedule__gate", "run")
        return list(rows)


def _table(runs: list[EvalRun]) -> Table:
    columns = [
        Column("Run"), Column("Golden set"), Column("State"), Column("Answers", "number"), Column("Failed", "number"),
        Column("Cost", "money"),
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [
            run.name,
            str(run.version),
            run.get_state_display(),
            run.done,
            run.failed,
            run.spent_nanousd + run.judge_spent_nanousd,
        ]
        for run in runs
    ]
    return Table(title="Runs", columns=columns, rows=rows)


def _differences(run: EvalRun) -> list[Figure]:
    """Of the second variant from the first, measure by measure."""
    variants = run.summary.get("variants", [])
    if len(variants) < 2:
        return []
    first, second = variants[:2]
    found = []
    for one in run.summary.get("comparisons", []):
        if one["variant"] != second["position"] or one["estimate"] is None:
            continue
        name = one["measure"]
        found.append(
            Figure(
                label=NAMES.get(name, name),
                value=second["measures"][name]["mean"],
                before=first["measures"][name]["mean"],
                low=one["low"],
                high=one["high"],
                unit=UNITS.get(name, "percent"),
                good="up" if HIGHER_IS_BETTER.get(name, True) else "down",
                note=f"{second['name']} against {first['name']}, {one['n']} items.",
            )
        )
    return found


def _proven(runs: list[EvalRun], *, single: bool) -> list[Table]:
    """Differences of variants whose intervals leave out nothing, scores before cost and latency."""
    rows: list[list[Cell]] = []
    for run in runs:
        names = {one["position"]: one["name"] for one in run.summary.get("variants", [])}
        for one in run.summary.get("comparisons", []):
            if _is_proven(one):
                rows.append([*([] if single else [run.name]), *_difference_row(names, one)])
    rows.sort(key=lambda row: row[-2] in NAMES.values())
    if not rows:
        return []
    columns = [
        *([] if single else [Column("Run")]),
        Column("Variant"),
        Column("Measure"),
        Column("Difference (95% interval)"),
    ]
    return [Table(title="More than chance", columns=columns, rows=rows[:MOST_DIFFERENCES])]


def _is_proven(comparison: dict[str, Any]) -> bool:
    low, high = comparison["low"], comparison["high"]
    return low is not None and high is not None and not low <= 0 <= high


def _difference_row(names: dict[int, str], one: dict[str, Any]) -> list[Cell]:
    name = one["measure"]
    shown = [_amount(name, one[end]) for end in ("estimate", "low", "high")]
    return [
        f"{names.get(one['variant'], '–')} against {names.get(0, '–')}",
        NAMES.get(name, name),
        f"{shown[0]} ({shown[1]} to {shown[2]})",
    ]


def _amount(measure: str, value: float) -> str:
    sign = "+" if value > 0 else "\u2212" if value < 0 else ""
    if measure not in MEASURES or measure == "answered":
        return f"{sign}{abs(value) * 100:.1f} points"
    return sign + formats.FORMATS[UNITS[measure]](abs(value))


def _gate_table(gates: list[ScheduledRun]) -> list[Table]:
    rows: list[list[Cell]] = [
        [
            one.schedule.name,
            one.schedule.gate.name if one.schedule.gate else "–",
            one.gate_outcome["outcome"],
            one.gate_outcome["why"],
        ]
        for one in gates
        if one.gate_outcome
    ]
    if not rows:
        return []
    columns = [Column("Schedule"), Column("Gate"), Column("Outcome"), Column("Why")]
    return [Table(title="Gates, against the run before", columns=columns, rows=rows)]


def _todos(runs: list[EvalRun], gates: list[ScheduledRun]) -> list[Todo]:
    found = [
        Todo(
            urgency="now",
            text=f"Find out what made “{one.schedule.name}” worse.",
            why=one.gate_outcome["why"],
            page="eval-run",
            args={"pk": str(one.run_id)},
        )
        for one in gates
        if one.gate_outcome and one.gate_outcome["outcome"] == "fail"
    ]
    broken = [run for run in runs if run.state == EvalRun.State.FAILED]
    found += [
        Todo(
            urgency="soon",
            text=f"Take the run “{run.name}” up again.",
            why=run.error or "It failed.",
            page="eval-run",
            args={"pk": str(run.pk)},
        )
        for run in broken
    ]
    return found


KIND = Kind(
    "evaluations",
    "Evaluation",
    "Runs that ended, differences that are more than chance, gates.",
    read,
    TenantPermission.VIEW_RUNS.value,
)
