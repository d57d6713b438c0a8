"""A statement as text, CSV or JSON. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from contracts.cells import exact_usd, safe_cell
from contracts.usage import UsageFigures
from events.ledger.measures import TOKEN_KINDS
from events.ledger.statements import Statement, StatementLine

Names = Mapping[str, str]
"""What people call the keys and teams, by id."""

_COLUMNS: Final = ("requests", "errors", *TOKEN_KINDS, "price_unknown", "cost_nanousd")
_TEXT_COLUMNS: Final = ("requests", "errors", "input_tokens", "output_tokens", "price_unknown")


def as_json(statement: Statement, names: Names) -> str:
    """Everything, with exact integers."""
    sections = {
        title: [{"name": _label(line, names), "group": line.group, **_figures(line.figures)} for line in lines]
        for title, lines in _sections(statement).items()
    }
    body: dict[str, Any] = {
        "tenant_id": statement.tenant_id,
        "month": _month(statement),
        "time_zone": statement.time_zone,
        "closed": statement.closed,
        **{f"by_{title}": lines for title, lines in sections.items()},
        "price_unknown": [
            {"name": _label(line, names), "requests": line.figures.price_unknown} for line in statement.price_unknown
        ],
        "total": _figures(statement.total),
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def as_csv(statement: Statement, names: Names) -> str:
    """A line per model, team and key, and one for the total; cells that a spreadsheet would run are disarmed."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["month", "by", "name", "id", *_COLUMNS, "cost_usd"])
    month = _month(statement)
    for title, lines in _sections(statement).items():
        for line in lines:
            name, identity = safe_cell(_label(line, names)), safe_cell(" ".join(part or "-" for part in line.group))
            writer.writerow([month, title, name, identity, *_cells(line.figures)])
    writer.writerow([month, "total", "", "", *_cells(statement.total)])
    return text.getvalue()


def as_text(statement: Statement, names: Names) -> str:
    """For people: dollars to the nano-dollar, columns aligned."""
    lines = [
        f"Statement {_month(statement)}, tenant {names.get(statement.tenant_id, statement.tenant_id)}"
        f" (months of {statement.time_zone})"
    ]
    if not statement.closed:
        lines.append("The month is not over: figures so far.")
    for title, section in _sections(statement).items():
        lines += ["", *_table(f"By {title}", [(_label(line, names), line.figures) for line in section])]
    lines += ["", *_table("Total", [("", statement.total)])]
    if statement.price_unknown:
        lines += ["", "Calls whose price is unknown; they are in no cost above:"]
        lines += [f"  {_label(line, names)}: {line.figures.price_unknown}" for line in statement.price_unknown]
    return "\n".join(lines) + "\n"


FORMATS: Final[dict[str, Callable[[Statement, Names], str]]] = {"text": as_text, "csv": as_csv, "json": as_json}


def _sections(statement: Statement) -> dict[str, list[StatementLine]]:
    return {"model": statement.by_model, "team": statement.by_team, "key": statement.by_key}


def _month(statement: Statement) -> str:
    return f"{statement.year:04d}-{statement.month:02d}"


def _label(line: StatementLine, names: Names) -> str:
    return "/".join(names.get(part, part) if part else "-" for part in line.group)


def _figures(figures: UsageFigures) -> dict[str, Any]:
    return {**{name: getattr(figures, name) for name in _COLUMNS}, "cost_usd": exact_usd(figures.cost_nanousd)}


def _cells(figures: UsageFigures) -> list[Any]:
    return list(_figures(figures).values())


def _table(title: str, rows: list[tuple[str, UsageFigures]]) -> list[str]:
    header = [title, *(name.replace("_", " ") for name in _TEXT_COLUMNS), "USD"]
    table = [
        header,
        *(
            [label, *(f"{getattr(figures, name):,}" for name in _TEXT_COLUMNS), exact_usd(figures.cost_nanousd)]
            for label, figures in rows
        ),
    ]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in table
    ]
