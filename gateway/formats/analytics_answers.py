"""Analytics as JSON and as CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from contracts.cells import NANOUSD_PER_USD, exact_usd, safe_cell
from contracts.chat import JsonObject
from contracts.usage import UsageDimension, UsageFigures, UsagePage, UsageQuery, UsageRow
from events.ledger.what_if import WhatIf

GROUP_FIELDS: Final = {
    UsageDimension.TEAM: "team_id",
    UsageDimension.KEY: "key_id",
    UsageDimension.USER: "user_id",
    UsageDimension.ROUTE: "route",
    UsageDimension.PROVIDER: "provider",
    UsageDimension.MODEL: "model",
}
_USAGE_FIELDS: Final = tuple(
    name for name in UsageFigures.__struct_fields__ if name not in ("cost_nanousd", "price_unknown", "duration_us")
)


def usage_figures(figures: UsageFigures) -> JsonObject:
    """What was used."""
    used = {name: getattr(figures, name) for name in _USAGE_FIELDS}
    used["total_tokens"] = figures.input_tokens + figures.output_tokens
    used["duration_ms"] = figures.duration_us / 1000
    return used


def cost_figures(figures: UsageFigures) -> JsonObject:
    """What it cost, and what is missing from that."""
    return {
        "cost": cost_of(figures.cost_nanousd),
        "requests": figures.requests,
        "price_unknown_requests": figures.price_unknown,
        "estimated_requests": figures.estimated,
    }


def cost_of(nanousd: int | None) -> JsonObject:
    """Money as everywhere in the API."""
    return {"currency": "USD", "nanousd": nanousd, "total": None if nanousd is None else nanousd / NANOUSD_PER_USD}


def page_as_json(query: UsageQuery, page: UsagePage, *, costs: bool) -> JsonObject:
    """The answer's object."""
    figures = cost_figures if costs else usage_figures
    names = _group_names(query)
    return {
        "object": "analytics.costs" if costs else "analytics.usage",
        **_frame(query),
        "period": query.window.value,
        "group_by": names,
        "data": [
            {**_times(query, row), **dict(zip(names, row.group, strict=True)), **figures(row.figures)}
            for row in page.rows
        ],
        "total": figures(page.total),
        "has_more": page.next_cursor is not None,
        "next_cursor": page.next_cursor,
    }


def page_as_csv(query: UsageQuery, page: UsagePage, *, costs: bool) -> bytes:
    """A header and a line per row (RFC 4180); cells that a spreadsheet would run are quoted with an apostrophe."""
    header = ["start", "end", *_group_names(query), *(_COST_COLUMNS if costs else _USAGE_COLUMNS)]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([safe_cell(name) for name in header])
    for row in page.rows:
        times = _times(query, row)
        cells = _cost_cells(row.figures) if costs else list(usage_figures(row.figures).values())
        writer.writerow([times["start"], times["end"], *(safe_cell(value or "") for value in row.group), *cells])
    return text.getvalue().encode()


def what_if_as_json(query: UsageQuery, model: str, answer: WhatIf) -> JsonObject:
    """The answer's object."""
    return {
        "object": "analytics.what_if",
        **_frame(query),
        "model": model,
        "data": [
            {
                "provider": row.provider,
                "model": row.model,
                "requests": row.figures.requests,
                "actual": cost_of(row.figures.cost_nanousd),
                "price_unknown_requests": row.figures.price_unknown,
                "what_if": cost_of(row.nanousd),
            }
            for row in answer.rows
        ],
        "total": {
            "requests": answer.total.requests,
            "actual": cost_of(answer.total.cost_nanousd),
            "price_unknown_requests": answer.total.price_unknown,
            "what_if": cost_of(answer.nanousd),
            "difference": cost_of(None if answer.nanousd is None else answer.nanousd - answer.total.cost_nanousd),
        },
    }


_USAGE_COLUMNS: Final = tuple(usage_figures(UsageFigures()))
_COST_COLUMNS: Final = (
    "cost_nanousd",
    "cost_usd",
    "requests",
    "price_unknown_requests",
    "estimated_requests",
)


def _cost_cells(figures: UsageFigures) -> Sequence[Any]:
    nanousd = figures.cost_nanousd
    return [nanousd, exact_usd(nanousd), figures.requests, figures.price_unknown, figures.estimated]


def _frame(query: UsageQuery) -> JsonObject:
    return {
        "tenant_id": query.tenant_id,
        "time_zone": query.time_zone,
        "start": local_time(query.start_ms, query.time_zone),
        "end": local_time(query.end_ms, query.time_zone),
    }


def _group_names(query: UsageQuery) -> list[str]:
    names = [GROUP_FIELDS[dimension] for dimension in query.group_by]
    return [*names, f"tag:{query.group_by_tag}"] if query.group_by_tag is not None else names


def _times(query: UsageQuery, row: UsageRow) -> JsonObject:
    return {"start": local_time(row.start_ms, query.time_zone), "end": local_time(row.end_ms, query.time_zone)}


@lru_cache(maxsize=4_096)  # Rows of one answer begin and end at the same few instants.
def local_time(instant_ms: int, time_zone: str) -> str:
    """RFC 3339 with the offset that the zone had then."""
    return datetime.fromtimestamp(instant_ms / 1000, UTC).astimezone(ZoneInfo(time_zone)).isoformat()
