"""Questions to the usage ledger and its answers. Money is integer nano-USD, instants are Unix milliseconds."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from contracts.budgets import BudgetWindow


class UsageDimension(StrEnum):
    """What calls can be told apart by, besides their tags."""

    TEAM = "team"
    KEY = "key"
    USER = "user"
    ROUTE = "route"
    PROVIDER = "provider"
    MODEL = "model"


class TagFilter(msgspec.Struct, frozen=True):
    """Calls that carry this tag; ``value`` None: with whatever value."""

    name: str
    value: str | None = None


class UsageFigures(msgspec.Struct, frozen=True, gc=False):
    """Exact sums over calls that ended, in an answer or an error; in the order of the ledger's columns."""

    requests: int = 0
    errors: int = 0
    input_tokens: int = 0
    """Includes the cached, cache-write, audio and image input tokens."""
    output_tokens: int = 0
    """Includes the reasoning, audio and image output tokens."""
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    image_input_tokens: int = 0
    image_output_tokens: int = 0
    cost_nanousd: int = 0
    """Of the calls whose price is known."""
    price_unknown: int = 0
    """Calls that are missing from the cost."""
    estimated: int = 0
    """Calls whose tokens are our estimate, because the provider reported none."""
    cached_answers: int = 0
    duration_us: int = 0
    """Microseconds, all calls together."""


class UsageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls of one tenant, and how they are summed up.

    Both instants lie on full quarters of an hour. ``user`` and tags cannot be combined, and at most one tag name can be
    used: rollups are kept per user and per tag, not per pair of them.
    """

    tenant_id: str
    time_zone: str = "UTC"
    start_ms: int
    end_ms: int
    window: BudgetWindow = BudgetWindow.TOTAL
    """Length of the buckets, in calendar time of the time zone; ``total``: one bucket."""
    group_by: tuple[UsageDimension, ...] = ()
    group_by_tag: str | None = None
    """Name of the tag whose values make groups of their own."""
    filters: tuple[tuple[UsageDimension, str], ...] = ()
    tag: TagFilter | None = None
    limit: int = 1_000
    after: str | None = None
    """``next_cursor`` of the page before."""


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket of one group."""

    start_ms: int
    end_ms: int
    group: tuple[str | None, ...] = ()
    """Parallel to ``group_by`` and then the tag; None where the calls had none."""
    figures: UsageFigures


class UsagePage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows in the order of their start and then their group; groups without calls are left out."""

    rows: list[UsageRow]
    total: UsageFigures
    """Of everything that the query asks for, on this page or not."""
    next_cursor: str | None = None
