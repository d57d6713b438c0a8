"""Prices as people write them (US dollars) and as they are stored (whole nano-dollars)."""

from __future__ import annotations

from decimal import Decimal

from routing.prices import NANO_USD_PER_USD


def to_nano_usd(dollars: Decimal) -> int:
    """Whole nano-dollars.

    Raises:
        ValueError: the amount is negative, infinite, or has more than nine decimals.
    """
    if not dollars.is_finite() or dollars < 0:
        raise ValueError("a price is a number of US dollars, 0 or more")
    nano = dollars * NANO_USD_PER_USD
    if nano != nano.to_integral_value():
        raise ValueError("a price has at most nine decimals")
    return int(nano)


def to_usd(nano: int) -> Decimal:
    """US dollars, exact and without trailing zeros."""
    dollars = (Decimal(nano) / NANO_USD_PER_USD).normalize()
    # 1E+1 is 10 to nobody but Decimal.
    return dollars.quantize(Decimal(1)) if dollars == dollars.to_integral_value() else dollars
