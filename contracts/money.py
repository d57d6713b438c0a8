"""Money as people write it (US dollars) and as it is counted (whole nano-dollars)."""

from __future__ import annotations

from decimal import Decimal

NANO_USD_PER_USD = 1_000_000_000


def to_nano_usd(dollars: Decimal) -> int:
    """Whole nano-dollars.

    Raises:
        ValueError: the amount is negative, infinite, or has more than nine decimals.
    """
    if not dollars.is_finite() or dollars < 0:
        raise ValueError("an amount is a number of US dollars, 0 or more")
    nano = dollars * NANO_USD_PER_USD
    if nano != nano.to_integral_value():
        raise ValueError("an amount has at most nine decimals")
    return int(nano)


def to_usd(nano: int) -> Decimal:
    """US dollars, exact and without trailing zeros."""
    dollars = (Decimal(nano) / NANO_USD_PER_USD).normalize()
    # 1E+1 is 10 to nobody but Decimal.
    return dollars.quantize(Decimal(1)) if dollars == dollars.to_integral_value() else dollars


def shown_usd(nano: int | None) -> str:
    """An amount for people, such as ``$0.15``; a dash for none."""
    return "–" if nano is None else f"${format(to_usd(nano), 'f')}"
