"""Postal addresses: streets in several languages, flats, boxes and postal codes, joined where they stand together.

Each part is found by a word that gives it away, and grown from there by the words beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from contracts.guardrails import Finding
from guardrails.engine.detectors.pii import streets
from guardrails.engine.detectors.pii.entities import Entity
from guardrails.engine.detectors.pii.recognizer import Recognizer
from guardrails.engine.detectors.triggers import Spots

_REACH: Final = 80
"""Characters before and after such a word that can belong to the part."""
_NUMBER: Final = r"\d{1,5}(?:[ ]?[A-Za-z]\b|[-/]\d{1,4}\b)?"
_UPPER: Final = "A-ZÀ-ÖØ-ÞĀĂĄĆĈĊČĎĐĒĖĘĚĜĞĠĢĤĪĮİĶĹĻĽŁŃŅŇŌŐŒŔŖŘŚŜŞŠŢŤŪŮŰŲŽŹŻΑ-ΩА-ЯЁ"
_CAPITAL: Final = rf"[{_UPPER}][\w'\u2019.\-]{{0,30}}"
_LINK: Final = (
    r"(?:de|del|della|delle|degli|dei|di|do|da|dos|das|du|des|la|le|les|los|las|el|van|von|der|den|of|the|y|i|al)"
)
_LINKS: Final = frozenset(_LINK[3:-1].split("|"))
_MARKS: Final = frozenset('\n,;:()"<>?!|')
_HOUSE: Final = re.compile(r"\d{1,5}(?:[A-Za-z]|[-/]\d{1,4})?|\d{1,3}(?:st|nd|rd|th)")
_NUMBER_AFTER: Final = re.compile(rf"[ ]?,?[ ]?(?:n[.º°]+[ ]?)?{_NUMBER}(?!\w)")
_NUMBER_BEFORE: Final = re.compile(rf"(?<!\w){_NUMBER},?[ ]+\Z")
_NAME_AFTER: Final = re.compile(
    rf"[ ]+(?:{_LINK}[ ]+|[ldLD]['\u2019]){{0,3}}{_CAPITAL}(?:[ \-](?:{_LINK}[ ]+"
    rf"|[ld]['\u2019]){{0,3}}{_CAPITAL}){{0,5}}"
)
_ANY_NAME_AFTER: Final = re.compile(
    r"[ ]+(?:[^\W\d_][\w'\u2019.\-]{0,30}[ ]){1,5}?(?=\d)|(?:[ ]+[^\W\d_][\w'\u2019.\-]{0,30}){1,3}"
)


_BY_ITSELF: Final = frozenset({"Street", "Avenue", "Boulevard", "Road", "Lane"})
"""After a name and without a number, still a street."""
_SENTENCE: Final = frozenset(
    {
        "a",
        "an",
        "and",
        "or",
        "to",
        "for",
        "in",
        "on",
        "at",
        "from",
        "with",
        "between",
        "every",
        "each",
        "your",
        "my",
        "is",
    }
)
"""Words of sentences, in which a street's name does not go on."""


class _Before:
    """The words before a spot that can be the beginning of a street's name, back to a house number."""

    __slots__ = ("behind", "capitals", "house", "start", "words")

    def __init__(self, text: str, spot: int, *, lower: bool) -> None:
        self.start = spot
        self.house = False
        self.behind = False
        """The number stands behind the name."""
        self.capitals = self.words = 0
        floor = max(0, spot - _REACH)
        for start, word in _backwards(text, floor, spot):
            if start == floor > 0 or not self._take(start, word, lower=lower):
                break

    def _take(self, start: int, word: str, *, lower: bool) -> bool:
        if _HOUSE.fullmatch(word):
            self.start = start
            is_behind = not (self.words or self.behind)
            self.behind = self.behind or is_behind
            self.house = True
            return is_behind
        if (self.house and not self.behind) or self.words >= 5 or not word[0].isalpha():
            return False
        if not (word[0].isupper() or word.lower() in _LINKS or lower) or word.lower() in _SENTENCE:
            return False
        self.words += 1
        if word[0].isupper() or lower:
            self.capitals += 1
            self.start = start
        return True


def _backwards(text: str, floor: int, end: int) -> Iterator[tuple[int, str]]:
    """Words and marks with their starts, the last first: mostly only one or two are asked for."""
    while end > floor:
        char = text[end - 1]
        if char in _MARKS:
            end -= 1
            yield end, char
        elif char.isspace():
            end -= 1
        else:
            start = end - 1
            while start > floor and not ((char := text[start - 1]) in _MARKS or char.isspace()):
                start -= 1
            yield start, text[start:end]
            end = start


# --- streets -----------------------------------------------------------------------------------------


def _english(*, sure: bool) -> Callable[[str, int, int], tuple[int, int] | None]:
    def part(text: str, start: int, end: int) -> tuple[int, int] | None:
        """14 Baker Street; Gordon Street."""
        before = _Before(text, start, lower=False)
        if sure and not before.house:
            lower = _Before(text, start, lower=True)
            if lower.house:
                before = lower
        if before.capitals and (before.house or (text[start].isupper() and text[start:end].title() in _BY_ITSELF)):
            return before.start, end + (text[end : end + 1] == ".")
        return None

    return part


def _ending(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Björkvägen 55, Hugo de Grootlaan 177."""
    number = _NUMBER_AFTER.match(text, end)
    word = start
    while word > 0 and start - word < 40 and (text[word - 1].isalpha() or text[word - 1] in "-.'"):
        word -= 1
    if number is None or start - word < 2:
        return None
    return _Before(text, word, lower=False).start, number.end()


def _leading(text: str, start: int, end: int) -> tuple[int, int] | None:
    """40 rue Victor Hugo, Via Goffredo Mameli 149."""
    house = _NUMBER_BEFORE.search(text, max(0, start - 12), start)
    name = _NAME_AFTER.match(text, end) or (
        _ANY_NAME_AFTER.match(text, end) if house or text[start].islower() else None
    )
    if name is None or (house is None and not _SENTENCE.isdisjoint(name[0].lower().split())):
        return None
    number = _NUMBER_AFTER.match(text, name.end())
    if number is None and _HOUSE.match(text, name.end()):
        number = _HOUSE.match(text, name.end())
    if house is None and number is None:
        return None
    return house.start() if house else start, number.end() if number else name.end()


def _trailing(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Király u. 15., Gosposka ulica 61."""
    number = _NUMBER_AFTER.match(text, end)
    if number is None:
        return None
    before = _Before(text, start, lower=False)
    if not before.capitals:
        before = _Before(text, start, lower=True)
    return (before.start, number.end()) if before.capitals and (before.words < 5 or before.house) else None


def _unit(text: str, start: int, end: int) -> tuple[int, int] | None:
    """A flat, with the line before it when it has a number: the street."""
    floor = max(0, start - _REACH)
    before = _Before(text, floor + len(text[floor:start].rstrip(" ,\n>?|\t")), lower=True)
    return before.start if before.house else start, end


def _whole(text: str, start: int, end: int) -> tuple[int, int] | None:
    return start, end


_CODE_VALUE: Final = re.compile(
    r"(?:[ ]?(?:is|:|=))?[ ]{0,3}(?P<code>(?=[A-Z\- ]{0,5}\d)[A-Z0-9]{3,8}(?:[ \-][A-Z0-9]{3,4})?)\b", re.IGNORECASE
)


def _code(text: str, start: int, end: int) -> tuple[int, int] | None:
    match = _CODE_VALUE.match(text, end)
    return match.span("code") if match is not None else None


_UNITED_STATES: Final = re.compile(
    r"\b(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI"
    r"|S[CD]|T[NX]|UT|V[AIT]|W[AIVY]),?[ ]+\d{5}(?:-\d{4})?\b"
)
_KINGDOM: Final = re.compile(r"\b(?:GIR[ ]0AA|[A-PR-UWYZ][A-HK-Y]?\d[\dA-HJKPS-UW]?[ ]\d[ABD-HJLNP-UW-Z]{2})\b")
_CANADA: Final = re.compile(r"\b[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] \d[ABCEGHJ-NPRSTV-Z]\d\b")


def _state(text: str, start: int, end: int) -> tuple[int, int] | None:
    match = _UNITED_STATES.match(text, start) or _KINGDOM.match(text, start) or _CANADA.match(text, start)
    return match.span() if match is not None else None


_AFTER_CUE: Final = re.compile(
    rf"[\s:\"]{{1,16}}(?P<part>{_NUMBER},?[ ]+(?:[^\W\d_][\w'\u2019.\-]{{0,30}}[ ]+"
    rf"|{_NUMBER}[ ]+){{0,5}}{_CAPITAL}(?:[ ]+{_NUMBER}(?!\w))?"
    rf"|(?:[^\W\d_][\w'\u2019.\-]{{0,30}}[ ]+){{0,4}}{_CAPITAL}[ ]+\d{{1,4}}(?![\w:/.\-]|[ ]?(?:am|pm|%)))"
)


def _cued(text: str, start: int, end: int) -> tuple[int, int] | None:
    match = _AFTER_CUE.match(text, end, min(len(text), end + 120))
    return match.span("part") if match is not None else None


# --- together ----------------------------------------------------------------------------------------

_BETWEEN: Final = re.compile(r"[\s,;>?|.]{0,8}\Z")
_TOWN: Final = re.compile(
    rf"[ ,;]{{1,4}}(?:\d{{4,6}}[ ]+)?{_CAPITAL}(?:[ \-]{_CAPITAL}|[ ]{_LINK}){{0,4}}"
    rf"(?:[ ]?,[ ]?{_CAPITAL}(?:[ \-]{_CAPITAL}|[ ](?:and|of"
    rf"|the)){{0,4}})?[ ,]{{1,3}}(?:\d{{4,6}}(?:-\d{{3,4}})?|[A-Z]{{2}}[ ]\d{{5}})\b"
)
"""What follows a street on its line, up to a postal code."""
_LINES: Final = re.compile(
    r"[ ,]{0,2}[\s>?|]{0,8}\n[\s>?|,]{0,8}(?P<town>[^\W\d_][^\d\n,]{1,40}?)[ ]?,?(?:\n[\s>?|,]{0,8}|[ ])"
    r"(?:(?P<country>[^\W\d_][^\d\n,]{1,40}?)[ ]?,?[ ])?(?P<code>\d{4,6}(?:-\d{3,4})?)(?![\w\-]|[ ]\d)"
)
"""What follows it on lines of their own: a town, perhaps a country, and a postal code."""
_PARTS: Final[tuple[tuple[str, Callable[[str, int, int], tuple[int, int] | None]], ...]] = (
    (rf"\b(?:{streets.SURE})\b", _english(sure=True)),
    (rf"\b(?:{streets.UNSURE})\b", _english(sure=False)),
    (rf"(?:{streets.ENDINGS})(?=[ ]\d)", _ending),
    (rf"\b(?:{streets.BEFORE})(?=[ ])", _leading),
    (rf"[ ](?:{streets.AFTER})(?=[ ]\d)", _trailing),
    (
        r"\b(?:apt|apartment|suite|ste|flat|unit|room|rm|floor|appartement|wohnung|piso|puerta|building"
        r"|bldg)\b\.? ?(?:#|no\.?|number)? ?\d{1,5}[a-z]?\b",
        _unit,
    ),
    (
        r"\b(?:p\.? ?o\.? ?box|post(?:al)? box|postfach|postbus|casella postale|apartado(?: de correos)?"
        r"|bo.te postale|caixa postal) ?(?:#|no\.?)? ?\d{1,6}\b"
        r"|\b(?:psc|cmr|unit) \d{1,5},? box \d{1,5}\b|\b(?:uss|usns|uscgc"
        r"|usnv) [a-z]{2,30}\s{1,3}[af]po\b|\b[afd]po,? a[aep] \d{5}(?:-\d{4})?\b",
        _whole,
    ),
    (r"\b(?:zip(?: ?code)?|post(?:al)? ?code|plz|postleitzahl|code postal|c.digo postal)\b", _code),
    (r"\b[a-z]{2},? \d{5}\b|\b[a-z]{1,2}\d[a-z0-9]? \d[a-z]{2}\b|\b[a-z]\d[a-z] \d[a-z]\d\b", _state),
    (
        r"\baddress(?:es)?(?: [^\d.\n:]{0,40}?)? ?(?:\bis|\bto|\bat|\bwith|:)"
        r"|\b(?:lives?|living|resides?|located|office is|office|meet|meet (?:me|us|you|him|her)|delivered"
        r"|arrived|sent|ship|shipped|return|taxi|moved|enter|deliver"
        r"|wohnhaft|wohnt|habite|vive|abita) (?:at|to|in|on|auf)\b",
        _cued,
    ),
)


def _unlookahead(trigger: str) -> str:
    """Hyperscan has none: the spot is then longer than the word by what was looked at."""
    return trigger.replace("(?=[ ]\\d)", " \\d").replace("(?=[ ])", " ")


_TRIGGER: Final = "|".join(_unlookahead(trigger) for trigger, _ in _PARTS)
_BY_WORD: Final = tuple((re.compile(trigger, re.IGNORECASE), part) for trigger, part in _PARTS)


def _addresses(text: str, spots: Spots) -> Iterator[Finding]:
    kept_start = kept_end = -1
    for start, end in sorted(set(_found(text, spots))):
        if kept_end >= 0 and (start <= kept_end or _BETWEEN.match(text, kept_end, start)):
            kept_end = max(kept_end, end)
            continue
        if kept_end >= 0:
            yield from _address(text, kept_start, kept_end)
        kept_start, kept_end = start, end
    if kept_end >= 0:
        yield from _address(text, kept_start, kept_end)


def _found(text: str, spots: Spots) -> Iterator[tuple[int, int]]:
    seen = -1
    for spot, _ in spots:
        if spot == seen:
            continue
        seen = spot
        for pattern, part in _BY_WORD:
            match = pattern.match(text, spot)
            if match is None:
                continue
            found = part(text, match.end() - len(match[0].lstrip()), match.end())
            if found is not None:
                yield found


def _address(text: str, start: int, end: int) -> Iterator[Finding]:
    town = _TOWN.match(text, end, min(len(text), end + 96))
    yield Finding(start, town.end() if town else end, Entity.ADDRESS, 0.8, "parts of a postal address")
    lines = None if town else _LINES.match(text, end, min(len(text), end + 128))
    if lines is None:
        return
    for group, entity in (("town", Entity.LOCATION), ("country", Entity.LOCATION), ("code", Entity.ADDRESS)):
        if lines[group]:
            yield Finding(*lines.span(group), entity, 0.7, "line after a street")


RECOGNIZERS: Final = (Recognizer(frozenset({Entity.ADDRESS, Entity.LOCATION}), _TRIGGER, _addresses),)
