"""The analytics endpoints in the OpenAPI document: parameters and answers."""

from __future__ import annotations

from typing import Any, Final

from contracts.budgets import BudgetWindow
from contracts.usage import UsageDimension, UsageFigures
from gateway.formats.analytics import DEFAULT_LIMIT, FORMATS, MAX_LIMIT, MAX_VALUE_LENGTH, PRICES
from gateway.formats.analytics_answers import usage_figures

Schema = dict[str, Any]
Parameters = dict[str, tuple[Schema, str]]

_TEXT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": MAX_VALUE_LENGTH}
_WHOSE: Final[Parameters] = {
    "tenant_id": (_TEXT, "The key's own tenant; another one is refused."),
    "user_id": (_TEXT, "Only this end user's calls; not together with tags."),
    "team_id": (_TEXT, "Only this team's calls."),
    "key_id": (_TEXT, "Only this key's calls."),
    "provider": (_TEXT, "Only calls that this provider served."),
    "route": (_TEXT, "Only calls that took this route."),
    "tag": (_TEXT, "Only calls with this tag: `NAME:VALUE`, or `NAME` for any value."),
    "start_date": (
        _TEXT,
        "A date, or a date and time, in the tenant's time zone unless it has an offset; moved to the full quarter of "
        "an hour before. Default: the first of the month; with `period=total` the beginning.",
    ),
    "end_date": (_TEXT, "A date, which is included, or a date and time, which is not. Default: now."),
}
ANALYTICS_PARAMETERS: Final[Parameters] = {
    **_WHOSE,
    "model": (_TEXT, "Only calls that this model served."),
    "period": (
        {"type": "string", "enum": [window.value for window in BudgetWindow], "default": BudgetWindow.DAY.value},
        "Length of the buckets.",
    ),
    "group_by": (
        _TEXT,
        f"Comma-separated list of {', '.join(f'`{dimension.value}`' for dimension in UsageDimension)}, `tag:NAME`.",
    ),
    "format": (
        {"type": "string", "enum": list(FORMATS)},
        "Default: JSON, unless `Accept` asks for `text/csv`.",
    ),
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "Rows on a page.",
    ),
    "cursor": (_TEXT, "`next_cursor` of the page before (in CSV: its header `x-next-cursor`)."),
}
WHAT_IF_PARAMETERS: Final[Parameters] = {
    **_WHOSE,
    "model": (_TEXT, "What the calls might have gone to."),
    "prices": (
        {"type": "string", "enum": list(PRICES), "default": PRICES[0]},
        "The model's prices as they were when the calls ended, or as they are now.",
    ),
}
_TIMES: Final = ("tenant_id", "start_date", "end_date")
_SIGNALS: Final[Parameters] = {
    **{name: _WHOSE[name] for name in _TIMES},
    "period": ANALYTICS_PARAMETERS["period"],
}
RULE_PARAMETERS: Final[Parameters] = {
    **_SIGNALS,
    "policy_id": (_TEXT, "Only rules of this policy."),
    "rule_id": (_TEXT, "Only rules with this id."),
    "group_by": (_TEXT, "Comma-separated list of `policy`, `rule`, `action`."),
}
CACHE_PARAMETERS: Final[Parameters] = {
    **_SIGNALS,
    "route": (_TEXT, "Only calls that took this route."),
    "group_by": ({"type": "string", "enum": ["route"]}, "What rows are told apart by."),
}

_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
_COST: Final[Schema] = {"$ref": "#/components/schemas/Cost"}


def _object(properties: dict[str, Schema], **more: Any) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties, **more}


_USED: Final = {
    **{name: _COUNT for name in usage_figures(UsageFigures())},
    "duration_ms": {"type": "number", "minimum": 0},
}
_PAID: Final = {
    "cost": _COST,
    "requests": _COUNT,
    "price_unknown_requests": {**_COUNT, "description": "Calls that are missing from the cost."},
    "estimated_requests": {**_COUNT, "description": "Calls whose tokens the provider did not report."},
}
_FRAME: Final = {
    "tenant_id": {"type": "string"},
    "time_zone": {"type": "string"},
    "start": _TIME,
    "end": _TIME,
}


def _counted(name: str, figures: dict[str, Schema]) -> Schema:
    row = _object({"start": _TIME, "end": _TIME, **figures}, additionalProperties={"type": "string"})
    return _object(
        {
            "object": {"const": name},
            **_FRAME,
            "period": {"enum": [window.value for window in BudgetWindow]},
            "group_by": {"type": "array", "items": {"type": "string"}, "description": "The rows' further fields."},
            "data": {"type": "array", "items": row},
            "total": _object(figures),
        }
    )


def _page(name: str, figures: dict[str, Schema]) -> Schema:
    row = _object({"start": _TIME, "end": _TIME, **figures}, additionalProperties=_TEXT_OR_NULL)
    return _object(
        {
            "object": {"const": name},
            **_FRAME,
            "period": {"enum": [window.value for window in BudgetWindow]},
            "group_by": {"type": "array", "items": {"type": "string"}, "description": "The rows' further fields."},
            "data": {"type": "array", "items": row},
            "total": _object(figures, description="Of all pages together."),
            "has_more": {"type": "boolean"},
            "next_cursor": _TEXT_OR_NULL,
        }
    )


_WHAT_IF_FIGURES: Final = {
    "requests": _COUNT,
    "actual": _COST,
    "price_unknown_requests": _COUNT,
    "what_if": _COST,
}
_RULE_FIGURES: Final = {
    "hits": _COUNT,
    "shadow_hits": {**_COUNT, "description": "Those of the hits that nothing followed from."},
    "blocked": {**_COUNT, "description": "Those that refused a call, or withheld its answer."},
    "failures": {**_COUNT, "description": "How often a rule could not tell."},
}
_CACHE_FIGURES: Final = {
    "lookups": _COUNT,
    "hits": _COUNT,
    "exact_hits": _COUNT,
    "semantic_hits": _COUNT,
    "misses": _COUNT,
    "not_looked_up": {**_COUNT, "description": "Calls that the caller or the route kept from it."},
    "hit_ratio": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    "saved": _COST,
    "saved_unknown_hits": {**_COUNT, "description": "Hits that are missing from what was saved."},
}
ANALYTICS_ANSWERS: Final[dict[str, Schema]] = {
    "RuleHitsAnswer": _counted("analytics.guardrails", _RULE_FIGURES),
    "KeptAnswersAnswer": _counted("analytics.cache", _CACHE_FIGURES),
    "UsagePage": _page("analytics.usage", _USED),
    "CostPage": _page("analytics.costs", _PAID),
    "WhatIf": _object(
        {
            "object": {"const": "analytics.what_if"},
            **_FRAME,
            "model": {"type": "string"},
            "data": {
                "type": "array",
                "items": _object({"provider": _TEXT_OR_NULL, "model": _TEXT_OR_NULL, **_WHAT_IF_FIGURES}),
            },
            "total": _object({**_WHAT_IF_FIGURES, "difference": _COST}),
        }
    ),
}
