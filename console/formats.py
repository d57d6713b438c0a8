"""Numbers as people read them: with units, thousands separators and as many digits as matter."""

from __future__ import annotations

import math
from decimal import Decimal

NOTHING = "–"
"""Shown where there is no value."""
NANO = 1_000_000_000
"""Nano-dollars in a dollar."""

Number = int | float | Decimal

_SHORT = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def number(value: Number | None, digits: int | None = None) -> str:
    """``12,345`` or ``0.25``; ``digits`` behind the point, by default none for whole numbers and two otherwise."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NOTHING
    if digits is None:
        digits = 0 if float(value).is_integer() else 2
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def counted(count: int, thing: str) -> str:
    """``1 run``, ``1,200 runs``."""
    return f"{number(count)} {thing}{'' if count == 1 else 's'}"


def short(value: Number | None) -> str:
    """``1.2M``: for charts and tiles, where the exact number is elsewhere."""
    if value is None:
        return NOTHING
    for size, letter in _SHORT:
        if abs(float(value)) >= size * 0.9995:
            scaled = float(value) / size
            return f"{number(scaled, 0 if abs(scaled) >= 100 else 1).removesuffix('.0')}{letter}"
    return number(value, None if float(value).is_integer() else 1)


def money(nano_usd: Number | None) -> str:
    """Nano-dollars as ``$1,234.56``; below a dollar with the digits that matter: ``$0.0042``, ``<$0.000001``."""
    if nano_usd is None:
        return NOTHING
    dollars = Decimal(nano_usd) / NANO
    sign, size = ("\N{MINUS SIGN}" if dollars < 0 else ""), abs(dollars)
    if size == 0:
        return "$0.00"
    if size < Decimal("0.000001"):
        return f"{sign}<$0.000001"
    digits = 2 if size >= Decimal("0.99995") else 4 if size >= Decimal("0.0099995") else 6
    return f"{sign}${size:,.{digits}f}"


def exact_money(nano_usd: Number | None) -> str:
    """All digits, for the hover."""
    if nano_usd is None:
        return NOTHING
    text = f"{Decimal(nano_usd) / NANO:,.9f}".rstrip("0")
    whole, _, rest = text.partition(".")
    return f"${whole}.{rest.ljust(2, '0')}"


def percent(share: Number | None, digits: int = 1) -> str:
    """A share of 1 as ``12.5%``; what is next to nothing is not shown as nothing."""
    if share is None:
        return NOTHING
    value = float(share) * 100
    if 0 < value < 10**-digits:
        return f"<{10**-digits:g}%"
    return f"{number(round(value, digits), digits).removesuffix('.' + '0' * digits)}%"


def size(count: Number | None) -> str:
    """Bytes as ``1.5 MiB``."""
    if count is None:
        return NOTHING
    value, unit = float(count), 0
    while abs(value) >= (1024 if unit == 0 else 1023.95) and unit < len(_BYTES) - 1:
        value, unit = value / 1024, unit + 1
    return f"{number(value, 0 if unit == 0 else 1).removesuffix('.0')} {_BYTES[unit]}"


def duration(ms: Number | None) -> str:
    """Milliseconds as ``240 µs``, ``85 ms``, ``1.24 s``, ``2 min 5 s``, ``3 h 10 min`` or ``4 d 2 h``."""
    if ms is None:
        return NOTHING
    value = float(ms)
    # Bounds are where the next unit, or one digit less, begins once the value is rounded.
    if 0 < value < 0.9995:
        return f"{value * 1000:.0f} µs"
    if value < 999.5:
        return f"{value:.0f} ms" if value >= 9.95 or value.is_integer() else f"{value:.1f} ms"
    if value < 59_950:
        return f"{value / 1000:.2f} s" if value < 9_995 else f"{value / 1000:.1f} s"
    return _long(round(value / 1000))


def _long(seconds: int) -> str:
    for large, small, names in ((86_400, 3_600, ("d", "h")), (3_600, 60, ("h", "min")), (60, 1, ("min", "s"))):
        if seconds >= large:
            first, rest = divmod(seconds, large)
            return f"{first} {names[0]}" + (f" {rest // small} {names[1]}" if rest // small else "")
    return f"{seconds} s"


def tokens(count: Number | None) -> str:
    """``1,234 tokens`` without the word: tokens are named by their column or label."""
    return number(count, 0) if count is not None else NOTHING


FORMATS = {
    "number": number,
    "short": short,
    "money": money,
    "percent": percent,
    "bytes": size,
    "ms": duration,
    "tokens": tokens,
}
"""By the unit that tiles, tables and charts name."""
