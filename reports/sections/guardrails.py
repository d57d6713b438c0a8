"""What guardrails found."""

from __future__ import annotations

from typing import Final

from console.formats import counted
from contracts.tenant_scope import across_tenants
from events.traffic.rules import BLOCKED, FAILED, MATCHED, event_counts, rule_counts
from guardrails.models import Policy
from reports.engine.content import Cell, Column, Figure, Section, Table, Todo
from reports.sections.base import Asked, Kind

MOST: Final = 8


def read(asked: Asked) -> Section | None:
    """None where nothing was found, in this stretch or the one before."""
    now, before = event_counts(asked.scope, asked.stretches)
    if not any(now.values()) and not any(before.values()):
        return None
    figures = [
        Figure(label=label, value=now.get(kind, 0), before=before.get(kind, 0), good=good)
        for label, kind, good in (
            ("Findings", MATCHED, ""),
            ("Blocked calls", BLOCKED, ""),
            ("Checks that failed", FAILED, "down"),
        )
    ]
    return Section(
        key="guardrails",
        title="Guardrails",
        summary=f"{counted(now.get(MATCHED, 0), 'finding')}; {counted(now.get(BLOCKED, 0), 'blocked call')}.",
        figures=figures,
        tables=_tables(asked),
        todos=_todos(now.get(FAILED, 0)),
        page="policy-hits",
    )


def _tables(asked: Asked) -> list[Table]:
    now, before = rule_counts(asked.scope, asked.stretches)
    # A rule's outcomes stand apart: with a shadow's beside those that counted.
    first = sorted(now.items(), key=lambda one: -one[1])[:MOST]
    if not first:
        return []
    with across_tenants("policies are named by the traffic that they had, the platform's as well"):
        keys = {part.policy_id for part, _ in first}
        names = {str(pk): name for pk, name in Policy.objects.filter(pk__in=keys).values_list("pk", "name")}
    rows: list[list[Cell]] = [
        [
            f"{part.rule_id}, {names.get(part.policy_id, 'a deleted policy')}",
            f"{part.outcome}{' (shadow)' if part.shadow else ''}",
            count,
            before.get(part, 0),
        ]
        for part, count in first
    ]
    columns = [Column("Rule"), Column("What followed"), Column("Findings", "number"), Column("Before", "number")]
    return [Table(title="Rules that found most", columns=columns, rows=rows)]


def _todos(failed: int) -> list[Todo]:
    if not failed:
        return []
    return [
        Todo(
            urgency="soon",
            text="See why guardrails could not check some calls.",
            why=f"{failed:,} checks failed: such calls went on, or were refused, as their policy says.",
            page="policies",
        )
    ]


KIND = Kind("guardrails", "Guardrails", "Findings and blocked calls, by rule.", read)
