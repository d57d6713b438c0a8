"""Money and foreign text in files that people open with a spreadsheet. Pure."""

from __future__ import annotations

from typing import Final

NANOUSD_PER_USD: Final = 1_000_000_000
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""OWASP, 'CSV Injection': what a spreadsheet may take for a formula, full-width forms included."""


def safe_cell(value: object) -> str:
    """The text as a cell that no spreadsheet takes for a formula, if need be with an apostrophe in front."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def exact_usd(nanousd: int) -> str:
    """Dollars with nine decimals: what a float would round."""
    sign = "-" if nanousd < 0 else ""
    return f"{sign}{abs(nanousd) // NANOUSD_PER_USD}.{abs(nanousd) % NANOUSD_PER_USD:09d}"
