"""Figures: payment cards, bank accounts, national ids by their checksums, and telephone numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from contracts.guardrails import Finding
from guardrails.engine.detectors.pii import accounts, national_ids, phones
from guardrails.engine.detectors.pii.context import before, words
from guardrails.engine.detectors.pii.entities import Entity
from guardrails.engine.detectors.pii.recognizer import Recognizer
from guardrails.engine.detectors.triggers import Spots

_NUMBER: Final = re.compile(
    r"[+(\d](?<![\w.@#$€£].)(?:(?<=\()\+)?(?:(?<=\d)|\d)(?:[ .\-/()\u2010-\u2015]{0,2}\d){5,24}"
    r"(?:[ ]?(?:x|ext\.?|#)[ ]?\d{1,6})?(?![\w@%€$£]|[.,]\d)"
)
"""Anything of 6 to 25 digits, with separators; what it is, its digits say."""
_EXTENSION: Final = re.compile(r" ?(?:x|ext\.?|#) ?\d{1,6}\Z")
_SEPARATOR: Final = re.compile(r"[^0-9]+")
_DATE: Final = re.compile(
    r"(?:19|20)\d\d([-/. ])(?:0?[1-9]|1[0-2])\1(?:[0-2]?\d|3[01])(?!\d)|(?:[0-2]?\d"
    r"|3[01])([-/.])(?:[0-2]?\d|3[01])\2(?:19|20)?\d\d(?!\d)"
)
_DECIMAL: Final = re.compile(r"\d+\.\d+|\d{1,3}(?:\.\d{1,3}){3}")
"""And IPv4 addresses, which have a recognizer of their own."""
_SSN: Final = re.compile(r"(?!000|666|9\d\d)\d{3}([ \-.])(?!00)\d\d\1(?!0000)\d{4}")
_ITIN: Final = re.compile(r"9\d\d([ \-])(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])\1\d{4}")
_SSN_CONTEXT: Final = words("ssn", "ssns", "social", "itin", "taxpayer")
_CARD_CONTEXT: Final = words(
    "card", "visa", "mastercard", "amex", "credit", "debit", "cc", "carte", "karte", "tarjeta", "carta", "cartão"
)

_ISSUERS: Final = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:2(?:2[1-9]|[3-9]\d)|[3-6]\d\d|7(?:[01]\d|20))\d{12}|3[47]\d{13}"
    r"|3(?:0[0-59]|[689]\d)\d{11,16}|6(?:011|4[4-9]\d|5\d\d)\d{12,15}|62\d{14,17}|35(?:2[89]|[3-8]\d)\d{12,15}"
    r"|(?:5[06789]|6\d)\d{10,17}|220[0-4]\d{12,15}|9792\d{12}"
)
"""Visa, Mastercard, American Express, Diners, Discover, UnionPay, JCB, Maestro, Mir, Troy: ISO/IEC 7812 ranges."""


def _numbers(text: str, spots: Spots) -> Iterator[Finding]:
    for match in _NUMBER.finditer(text):
        finding = _number(text, match.start(), match[0])
        if finding is not None:
            yield finding


def _number(text: str, start: int, written: str) -> Finding | None:
    if _DATE.match(written) or _DECIMAL.fullmatch(written):
        return None
    bare = _EXTENSION.sub("", written)
    digits = _SEPARATOR.sub("", bare)
    end = start + len(written)
    bare_end = start + len(bare)
    return (
        _card(text, start, bare_end, digits)
        or _social_security(text, start, bare_end, bare)
        or national_ids.of_figures(text, start, bare_end, digits)
        or _phone(text, start, end, written, bare, digits)
    )


def _card(text: str, start: int, end: int, digits: str) -> Finding | None:
    if len(digits) < 12 or not _passes_luhn(digits):
        return None
    if _ISSUERS.fullmatch(digits) is None or len(set(digits)) < 3:
        return None
    sure = len(digits) >= 15 or before(text, start, _CARD_CONTEXT)
    return Finding(start, end, Entity.CREDIT_CARD, 1.0 if sure else 0.6, "Luhn and issuer")


_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def _passes_luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B; :mod:`stdnum.luhn` takes ten times as long."""
    figures = [ord(digit) - 48 for digit in reversed(digits)]
    return (sum(figures[::2]) + sum(_DOUBLED[figure] for figure in figures[1::2])) % 10 == 0


def _social_security(text: str, start: int, end: int, bare: str) -> Finding | None:
    if _ITIN.fullmatch(bare):
        return Finding(start, end, Entity.US_ITIN, 0.85, "form of an ITIN")
    if _SSN.fullmatch(bare):
        return Finding(start, end, Entity.US_SSN, 0.85, "form of an SSN")
    if len(bare) == 9 and bare.isdigit() and before(text, start, _SSN_CONTEXT):
        return Finding(start, end, Entity.US_SSN, 0.85, "after words for it")
    return None


def _phone(text: str, start: int, end: int, written: str, bare: str, digits: str) -> Finding | None:
    score = phones.score(text, start, end, written, bare, digits)
    return Finding(start, end, Entity.PHONE_NUMBER, score, "numbering plan, form or context") if score else None


RECOGNIZERS: Final = (
    Recognizer(
        frozenset({Entity.CREDIT_CARD, Entity.US_SSN, Entity.US_ITIN, Entity.PHONE_NUMBER, *national_ids.OF_FIGURES}),
        r"\d(?:[^a-z\d]{0,2}\d){5}",
        _numbers,
        once=True,
    ),
    *accounts.RECOGNIZERS,
)
