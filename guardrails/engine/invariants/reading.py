"""Numbers, amounts of money and dates in texts, as people write them. All in time that grows with the text alone."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

from guardrails.engine.invariants.signatures import MAX_FOUND

_SPACES: Final = "\u00a0\u202f\u2009"
_FIGURES: Final = rf"\d+(?:[.,'\u2019{_SPACES}]\d+)*"
_SPACED: Final = re.compile(rf"\d{{1,3}}(?: \d{{3}})+(?:[.,]\d{{1,2}})?(?!\d)|{_FIGURES}")
_NUMBER: Final = re.compile(_FIGURES)
_THOUSANDS: Final = re.compile(rf"['\u2019 {_SPACES}]")
_GROUPED: Final = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*")

_SIGNS: Final = {"$": "USD", "US$": "USD", "A$": "AUD", "C$": "CAD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
_WORDS: Final = {"dollar": "USD", "euro": "EUR", "pound": "GBP", "yen": "JPY", "rupee": "INR", "franc": "CHF"}
_CODES: Final = (
    "USD EUR GBP JPY CHF CAD AUD NZD CNY INR SEK NOK DKK PLN CZK HUF BRL MXN ZAR KRW SGD HKD TRY RON BGN ILS AED SAR"
)
_CURRENCY: Final = rf"US\$|[AC]\$|[$€£¥₹]|\b(?:{'|'.join(_CODES.split())})\b"
_BEFORE: Final = re.compile(rf"(?P<sign>{_CURRENCY})[ {_SPACES}]?(?P<minus>[-\u2212]?)\Z")
_REACH: Final = 8
"""Characters before a number in which its currency stands."""
_AFTER: Final = re.compile(rf"[ {_SPACES}]?(?:(?P<sign>{_CURRENCY})|(?P<word>{'|'.join(_WORDS)})s?\b)", re.IGNORECASE)
_SCALE: Final = re.compile(rf"[ {_SPACES}]?(k|m|bn|thousand|million|billion)\b", re.IGNORECASE)
_SCALES: Final = {"k": 1e3, "m": 1e6, "bn": 1e9, "thousand": 1e3, "million": 1e6, "billion": 1e9}

_MONTHS: Final = (
    "jan january januar janvier enero gennaio janeiro januari",
    "feb february februar février febrero febbraio fevereiro februari",
    "mar march märz mars marzo março maart",
    "apr april avril abril aprile",
    "may mai mayo maggio maio mei",
    "jun june juni juin junio giugno junho",
    "jul july juli juillet julio luglio julho",
    "aug august août agosto augustus",
    "sep sept september septembre septiembre settembre setembro",
    "oct october okt oktober octobre octubre ottobre outubro",
    "nov november novembre noviembre novembro",
    "dec december dez dezember décembre diciembre dicembre dezembro",
)
_MONTH_NUMBERS: Final = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_MONTH: Final = "|".join(sorted(_MONTH_NUMBERS, key=len, reverse=True))
_DATE: Final = re.compile(
    r"\b(?:(?P<iso>\d{4}-\d{2}-\d{2})(?!\d)"
    r"|(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?[ ](?:de[ ]|of[ ])?(?P<month>"
    + _MONTH
    + r")\.?,?[ ](?:de[ ])?(?P<year>\d{4})"
    r"|(?P<month2>" + _MONTH + r")\.?[ ](?P<day2>\d{1,2})(?:st|nd|rd|th)?,?[ ](?P<year2>\d{4})"
    r"|(?P<one>\d{1,2})(?P<mark>[./])(?P<two>\d{1,2})(?P=mark)(?P<year3>\d{4})(?!\d))",
    re.IGNORECASE,
)


class Amount(msgspec.Struct, frozen=True):
    """A sum of money; two are equal where both fields are."""

    value: float
    """So much."""
    currency: str
    """ISO 4217 code: `EUR`."""


def numbers(text: str) -> list[float]:
    """Every number, with its sign; digits within words, versions and times are none."""
    return list(islice(_numbers(text), MAX_FOUND))


def _numbers(text: str) -> Iterator[float]:
    for match in _NUMBER.finditer(text):
        start, end = match.span()
        if _beside_word(text, start, end):
            continue
        sign = -1.0 if _is_minus(text, start) else 1.0
        for value in _values(match[0], of_money=False):
            yield sign * value


def _beside_word(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    times = (before == ":" and text[start - 2 : start - 1].isdigit()) or (
        after == ":" and text[end + 1 : end + 2].isdigit()
    )
    return before.isalpha() or before == "_" or after == "_" or times or (after.isalpha() and text[start:end].isdigit())


def _is_minus(text: str, start: int) -> bool:
    return text[start - 1 : start] in ("-", "\u2212") and not text[start - 2 : start - 1].isalnum() if start else False


def amounts(text: str) -> list[Amount]:
    """Every number with a currency before or after it."""
    return list(islice(_amounts(text), MAX_FOUND))


def _amounts(text: str) -> Iterator[Amount]:
    until = 0
    for match in _SPACED.finditer(text):
        start, end = match.span()
        if start < until:
            continue
        led = _BEFORE.search(text[max(0, start - _REACH) : start])
        if led is not None:
            figures = _NUMBER.match(text, start)
            assert figures is not None
            scale, until = _scaled(text, figures.end())
            yield from _amount(figures[0], scale, _SIGNS.get(led["sign"], led["sign"]), bool(led["minus"]))
            continue
        scale, end = _scaled(text, end)
        follows = _AFTER.match(text, end)
        if follows is not None:
            sign = (follows["sign"] or "").upper()
            until = follows.end()
            code = _SIGNS.get(sign, sign) or _WORDS[follows["word"].lower()]
            yield from _amount(match[0], scale, code, _is_minus(text, start))


def _scaled(text: str, end: int) -> tuple[float, int]:
    scale = _SCALE.match(text, end)
    return (_SCALES[scale[1].lower()], scale.end()) if scale else (1.0, end)


def _amount(figures: str, scale: float, currency: str, negative: bool) -> Iterator[Amount]:
    values = list(_values(figures, of_money=True))
    if len(values) == 1:
        yield Amount((-1 if negative else 1) * values[0] * scale, currency)


def _values(figures: str, *, of_money: bool) -> Iterator[float]:
    """``1,234.50``, ``1.234,50`` and ``1'234.50`` are one number, ``1,2,3`` are three, ``1.2.3`` is none."""
    figures = _THOUSANDS.sub("", figures)
    marks = [mark for mark in figures if mark in ".,"]
    if not marks:
        yield float(figures)
    elif len(set(marks)) == 2:
        decimal = marks[-1]
        if marks.count(decimal) == 1:
            yield float(figures.replace("." if decimal == "," else ",", "").replace(decimal, "."))
    elif _is_grouped(figures, marks, of_money=of_money):
        yield float(figures.replace(marks[0], ""))
    elif len(marks) == 1:
        yield float(figures.replace(",", "."))
    elif marks[0] == ",":
        yield from map(float, figures.split(","))


def _is_grouped(figures: str, marks: list[str], *, of_money: bool) -> bool:
    if _GROUPED.fullmatch(figures) is None or (len(marks) == 1 and figures.startswith("0")):
        return False
    # One point before three digits: money has no thousandths, other numbers may.
    return len(marks) > 1 or marks[0] == "," or of_money


def dates(text: str, order: str = "mdy") -> list[dt.datetime]:
    """Every date with its year, as midnight UTC; ``order`` says how ``3/4/2026`` is meant: ``mdy`` or ``dmy``."""
    if order not in ("mdy", "dmy"):
        raise ValueError("the order of dates is 'mdy' or 'dmy'")
    found = (_date(match, order) for match in _DATE.finditer(text))
    return list(islice((date for date in found if date is not None), MAX_FOUND))


def _date(match: re.Match[str], order: str) -> dt.datetime | None:
    if match["iso"]:
        year, month, day = map(int, match["iso"].split("-"))
    elif match["month"] or match["month2"]:
        month = _MONTH_NUMBERS[(match["month"] or match["month2"]).lower()]
        year, day = int(match["year"] or match["year2"]), int(match["day"] or match["day2"])
    else:
        first, second, year = int(match["one"]), int(match["two"]), int(match["year3"])
        day_first = match["mark"] == "." or order == "dmy" or first > 12
        day, month = (first, second) if day_first and second <= 12 else (second, first)
    try:
        return dt.datetime(year, month, day, tzinfo=dt.UTC)
    except ValueError:
        return None
