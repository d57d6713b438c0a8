"""Dates and times, and which of them are somebody's birth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from contracts.guardrails import Finding
from guardrails.engine.detectors.pii.context import before, words
from guardrails.engine.detectors.pii.entities import Entity
from guardrails.engine.detectors.pii.recognizer import Recognizer
from guardrails.engine.detectors.triggers import Spots, around, within

_MONTHS: Final = (
    "jan(?:uary|uar|vier|uari)?|feb(?:ruary|ruar|ruari)?|februar|février|febbraio|febrero|fevereiro"
    "|mar(?:ch|zo|s|ço|et)?|märz|maart"
    "|apr(?:il|ile)?|avril|abril|may|mai|mei|maj|mayo|maggio|maio|jun(?:e|i|io|ho)?|juin|giugno"
    "|jul(?:y|i|io|ho)?|juillet|luglio"
    "|aug(?:ust|ustus)?|août|agosto|sep(?:t|tember|tembre|tiembre)?|settembre|setembro|oct(?:ober"
    "|obre|ubre)?|okt(?:ober)?|ottobre|outubro"
    "|nov(?:ember|embre|iembre|embro)?|dec(?:ember)?|dez(?:ember|embro)?|décembre|dicembre|diciembre"
)
_DAYS: Final = (
    "(?:mon|tues|wednes|thurs|fri|satur|sun)day|montag|dienstag|mittwoch|donnerstag|freitag|samstag"
    "|sonntag|lundi|mardi|mercredi|jeudi|vendredi"
    "|samedi|dimanche|lunes|martes|miércoles|jueves|viernes|sábado|domingo|lunedì|martedì|mercoledì"
    "|giovedì|venerdì|maandag|dinsdag|woensdag"
    "|donderdag|vrijdag|zaterdag|zondag"
)
_CLOCK: Final = (
    r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,6})?)?(?: ?[AaPp]\.?[Mm]\b\.?)?(?:Z\b| ?[+-]\d\d:?\d\d)?"
)
_FIGURES: Final = re.compile(
    r"\d(?<![\w.,$€£\-/]\d)(?:"
    r"(?<=[12])(?:9|0)\d\d(?P<a>[-/.])(?:0?[1-9]|1[0-2])(?P=a)(?:0?[1-9]|[12]\d|3[01])"
    r"|\d?(?P<b>[-/.])(?:0?[1-9]|[12]\d|3[01])(?P=b)(?:(?:1[89]|20)\d\d|\d\d)"
    r")(?![\d/]|[.\-,]\d)" + rf"(?:(?:,? |T){_CLOCK})?"
)
_WITH_MONTH: Final = re.compile(
    rf"\b(?:[0-3]?\d(?:st|nd|rd|th|\.|er|º)? (?:of |de |di )?(?:{_MONTHS})\b\.?(?:,? (?:de |del )?(?:1[89]|20)\d\d\b)?"
    rf"|(?:{_MONTHS})\b\.? (?:[0-3]?\d(?:st|nd|rd|th)?\b(?:,? ?(?:1[89]|20)\d\d\b)?|(?:1[89]"
    rf"|20)\d\d\b))(?:,? (?:at )?{_CLOCK})?",
    re.IGNORECASE,
)
_TIME: Final = re.compile(rf"\b(?:{_CLOCK})(?![\w:])|\b(?:1[0-2]|0?[1-9]) ?[AaPp]\.?[Mm]\b\.?")
_BIRTH: Final = words(
    *(
        "born",
        "birth",
        "birthday",
        "birthdate",
        "dob",
        "geboren",
        "geburtsdatum",
        "geb",
        "naissance",
        "née",
        "nacimiento",
        "nacido",
    ),
    *(
        "nacida",
        "nascita",
        "nato",
        "nata",
        "nascimento",
        "nascido",
        "geboortedatum",
        "urodzenia",
        "urodzony",
        "födelsedatum",
    ),
)


def _dates(text: str, spots: Spots) -> Iterator[Finding]:
    for match in within(_FIGURES, text, around(spots, 8, 60, len(text))):
        yield _date(text, match, 0.9)


def _written_out(text: str, spots: Spots) -> Iterator[Finding]:
    floor = -1
    for spot, _ in spots:
        start = spot - 1 if text[spot - 1 : spot].isdigit() else spot
        match = _WITH_MONTH.match(text, start) if start >= floor else None
        if match is not None:
            floor = match.end()
            yield _date(text, match, 0.85)


def _date(text: str, match: re.Match[str], score: float) -> Finding:
    if before(text, match.start(), _BIRTH):
        return Finding(match.start(), match.end(), Entity.DATE_OF_BIRTH, 0.95, "date after words for birth")
    return Finding(match.start(), match.end(), Entity.DATE_TIME, score, "form of a date")


def _weekdays(text: str, spots: Spots) -> Iterator[Finding]:
    for start, end in spots:
        if not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()):
            yield Finding(start, end, Entity.DATE_TIME, 0.5, "day of the week")


def _times(text: str, spots: Spots) -> Iterator[Finding]:
    for match in within(_TIME, text, around(spots, 8, 32, len(text))):
        yield Finding(match.start(), match.end(), Entity.DATE_TIME, 0.5, "time of day")


_BOTH: Final = frozenset({Entity.DATE_TIME, Entity.DATE_OF_BIRTH})
RECOGNIZERS: Final = (
    Recognizer(_BOTH, r"\d[-/.]\d{1,2}[-/.]\d\d", _dates),
    Recognizer(_BOTH, rf"\d[a-zº.]{{0,2}} (?:of |de |di )?(?:{_MONTHS})|(?:{_MONTHS})\.? \d", _written_out),
    Recognizer(frozenset({Entity.DATE_TIME}), rf"(?:{_DAYS})s?", _weekdays),
    Recognizer(frozenset({Entity.DATE_TIME}), r"\d:[0-5]\d|\d ?[ap]\.?m\b", _times),
)
