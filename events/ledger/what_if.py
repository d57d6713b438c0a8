"""What calls of the past would have cost at other prices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from contracts.chat import Usage
from contracts.usage import UsageDimension, UsageFigures, UsageQuery, UsageRow

Price = Callable[[Usage], int | None]
"""Nano-USD for so much usage, without what is charged per request; None when a price is unknown."""


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of :func:`grouped_by_model`, all of a time with one price."""

    rows: list[UsageRow]
    price: Price
    request_nanousd: int


class WhatIfRow(msgspec.Struct, frozen=True, kw_only=True):
    """The calls that one model served."""

    provider: str | None
    model: str | None
    figures: UsageFigures
    """As it was; ``cost_nanousd`` is what was paid."""
    nanousd: int | None
    """What it would have cost; None when the other model's price is unknown."""


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """Row by row, and all together."""

    rows: list[WhatIfRow]
    total: UsageFigures
    nanousd: int | None


def grouped_by_model(query: UsageQuery) -> UsageQuery:
    """The query whose rows :func:`what_if` takes."""
    groups = (UsageDimension.PROVIDER, UsageDimension.MODEL)
    return msgspec.structs.replace(query, group_by=groups, group_by_tag=None)


def what_if(stretches: Sequence[Stretch]) -> WhatIf:
    """The answer; all calls take part, also those whose price was unknown.

    Tokens are taken as they were counted, although another model's tokenizer may count differently. Each row of each
    stretch is rounded once, while calls are each rounded: the difference is below a nano-dollar a call.
    """
    rows: dict[tuple[str | None, ...], WhatIfRow] = {}
    for stretch in stretches:
        for row in stretch.rows:
            cost = _cost(row.figures, stretch.price, stretch.request_nanousd)
            new = WhatIfRow(provider=row.group[0], model=row.group[1], figures=row.figures, nanousd=cost)
            rows[row.group] = _both(rows[row.group], new) if row.group in rows else new
    found = [rows[group] for group in sorted(rows, key=lambda group: [part or "" for part in group])]
    total = UsageFigures()
    for one in found:
        total = _sum(total, one.figures)
    costs = [row.nanousd for row in found]
    known = [cost for cost in costs if cost is not None]
    return WhatIf(rows=found, total=total, nanousd=sum(known) if len(known) == len(costs) else None)


def _both(one: WhatIfRow, other: WhatIfRow) -> WhatIfRow:
    unknown = one.nanousd is None or other.nanousd is None
    return msgspec.structs.replace(
        one,
        figures=_sum(one.figures, other.figures),
        nanousd=None if unknown else (one.nanousd or 0) + (other.nanousd or 0),
    )


def _sum(one: UsageFigures, other: UsageFigures) -> UsageFigures:
    names = UsageFigures.__struct_fields__
    return UsageFigures(**{name: getattr(one, name) + getattr(other, name) for name in names})


def _cost(figures: UsageFigures, price: Price, request_nanousd: int) -> int | None:
    fields = [name for name in Usage.__struct_fields__ if name.endswith("_tokens") and hasattr(figures, name)]
    cost = price(Usage(**{name: getattr(figures, name) for name in fields}))
    return None if cost is None else cost + (figures.requests - figures.cached_answers) * request_nanousd
