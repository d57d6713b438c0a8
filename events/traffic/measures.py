"""What is counted, and of what: the columns of traffic's tables, and their SQL over ledger rows ``u``. Pure."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

PLATFORM: Final = "*"
"""The scope of all tenants together; every other scope is a tenant's id."""


class Kind(IntEnum):
    """What rows tell apart; ``part`` says which one it is. The numbers are those of the table's ``kind`` column."""

    ALL = 0
    TENANT = 1
    """In the platform's scope only."""
    ROUTE = 2
    MODEL = 3
    KEY = 4
    FAILURE = 5
    """Calls that failed, by error code."""
    REFUSAL = 6
    """Requests that never became calls, by error code; only ``requests`` counts."""
    GUARD = 7
    """Events of guardrails by type; only ``requests`` counts."""
    RULE = 8
    """What rules of guardrails found, by :class:`events.traffic.parts.RulePart`; only ``requests`` counts."""
    CACHE = 9
    """Lookups of kept answers, by :class:`events.traffic.parts.CachePart`: ``requests`` counts them, ``cost_nanousd``
    is what they saved, ``price_unknown`` counts those of which nobody knows that."""
    SCORE = 10
    """Scores of live calls, by :class:`events.traffic.scores.ScorePart`: ``requests`` counts them, ``cost_nanousd`` is
    their sum in billionths, for a score is 0 to 1."""
    RETRIEVAL = 11
    """Searches of documents and answers that rest on them, by :class:`events.traffic.retrieval.RetrievalPart`:
    ``requests`` counts them, ``cost_nanousd`` is the sum of what is measured, in billionths."""


OF_EVENTS: Final = (Kind.REFUSAL, Kind.GUARD, Kind.RULE, Kind.CACHE, Kind.SCORE, Kind.RETRIEVAL)
"""Kinds that are counted from events, not from the ledger."""


class Measured(IntEnum):
    """Of which latency a histogram is."""

    DURATION = 0
    FIRST_TOKEN = 1


MEASURES: Final = (
    "requests",
    "errors",
    "cached_answers",
    "fallbacks",
    "retries",
    "input_tokens",
    "output_tokens",
    "cost_nanousd",
    "price_unknown",
    "duration_us",
)
"""``fallbacks`` counts calls that another target answered, ``retries`` attempts beyond each call's first."""

OF_LEDGER: Final = ", ".join(
    (
        "count(*)",
        "count(*) FILTER (WHERE u.status = 'failed')",
        "count(*) FILTER (WHERE u.cached_answer)",
        "count(*) FILTER (WHERE u.fallback_used)",
        "sum(u.retries)",
        "sum(u.input_tokens)",
        "sum(u.output_tokens)",
        "COALESCE(sum(u.cost_nanousd), 0)",
        "count(*) FILTER (WHERE u.price_unknown)",
        "sum(u.duration_us)",
    )
)

PARTS: Final = (
    f"CROSS JOIN LATERAL (VALUES ({Kind.ALL.value}::smallint, '' COLLATE \"C\"),"
    f" ({Kind.ROUTE.value}, COALESCE(u.route, '')), ({Kind.MODEL.value}, COALESCE(u.model, '')),"
    f" ({Kind.KEY.value}, u.key_id),"
    f" ({Kind.FAILURE.value}, CASE WHEN u.status = 'failed' THEN u.error_code COLLATE \"C\" END)) m (kind, part)"
)
"""``kind`` and ``part`` of each row; leave out those without a part."""

OCTAVE: Final = 8
"""Buckets of a latency histogram from one duration to its double: a bucket's ends are nine per cent apart."""
LAST_BUCKET: Final = 200

LATENCIES: Final = (
    f"CROSS JOIN LATERAL (VALUES ({Measured.DURATION.value}::smallint, u.duration_us),"
    f" ({Measured.FIRST_TOKEN.value}, u.first_token_us)) l (measured, us)"
)
BUCKET: Final = (
    f"(CASE WHEN l.us < 1000 THEN 0 ELSE least({LAST_BUCKET}, floor(ln(l.us / 1000.0) / ln(2.0) * {OCTAVE}) + 1) END)"
    "::smallint"
)
"""Of a latency ``l.us`` in microseconds: 0 is below a millisecond."""
ANSWERED: Final = "u.status = 'completed' AND l.us IS NOT NULL"
"""Latencies are those of calls that were answered."""
