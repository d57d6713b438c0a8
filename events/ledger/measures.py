"""What is counted of calls, in the order of every rollup's columns."""

from __future__ import annotations

from typing import Final

TOKEN_KINDS: Final = (
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "image_input_tokens",
    "image_output_tokens",
)
"""As events name them. The kinds of input are parts of ``input_tokens``, reasoning and the kinds of output parts of
``output_tokens``."""

MEASURES: Final = (
    "requests",
    "errors",
    *TOKEN_KINDS,
    "cost_nanousd",
    "price_unknown",
    "estimated",
    "cached_answers",
    "duration_us",
)
"""``price_unknown`` counts the calls that are missing from ``cost_nanousd``; ``estimated`` those whose tokens are our
estimate."""

SUM: Final = "events_usage_sum"
"""SQL: the aggregate that adds sums up; a bigint, in half the time of PostgreSQL's own."""


def of_ledger(add: str) -> str:
    """SQL: the measures of a set of ledger rows ``u``, added up by this aggregate."""
    return ", ".join(
        (
            "count(*)",
            "count(*) FILTER (WHERE u.status = 'failed')",
            *(f"{add}(u.{kind})" for kind in TOKEN_KINDS),
            f"COALESCE({add}(u.cost_nanousd), 0)",
            "count(*) FILTER (WHERE u.price_unknown)",
            "count(*) FILTER (WHERE u.usage_estimated)",
            "count(*) FILTER (WHERE u.cached_answer)",
            f"{add}(u.duration_us)",
        )
    )


OF_LEDGER: Final = of_ledger(SUM)
