"""Numbers of documents: ids with letters in them, and those that only the words before them give away."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from stdnum.es import dni as spanish
from stdnum.es import nie as spanish_foreigner
from stdnum.fi import hetu as finnish
from stdnum.it import codicefiscale as italian

from contracts.guardrails import Finding
from guardrails.engine.detectors.pii.entities import Entity
from guardrails.engine.detectors.pii.recognizer import Recognizer
from guardrails.engine.detectors.triggers import Spots, around, within

# --- ids with letters --------------------------------------------------------------------------------

_LETTERED: Final = re.compile(
    r"[0-9A-Za-z](?<![A-Za-z0-9].)(?:"
    r"(?P<nif>(?<=\d)\d{7}-?[A-Za-z])"
    r"|(?P<nie>(?<=[XYZxyz])-?\d{7}-?[A-Za-z])"
    r"|(?P<hetu>(?<=\d)\d{5}[-+A-FU-Y]\d{3}[0-9A-Ya-y])"
    r"|(?P<fiscal>(?<=[A-Za-z])[A-Za-z]{5}[0-9LMNP-V]{2}[A-EHLMPRSTa-ehlmprst][0-9LMNP-V]{2}[A-Za-z][0-9LMNP-V]{3}[A-Za-z])"
    r"|(?P<pan>(?<=[A-Z])[A-Z]{2}[ABCFGHJLPT][A-Z]\d{4}[A-Z])"
    r"|(?P<nric>(?<=[STFGM])\d{7}[A-Z])"
    r"|(?P<nino>(?<=[A-CEGHJ-PR-TW-Z])[A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D])"
    r"|(?P<ric>(?<=\d)\d{16}[Xx])"
    r")(?![A-Za-z0-9])"
)


def _nric(written: str) -> bool:
    """Singapore's check letter: weights and letters as published for NRIC and FIN."""
    first, figures, last = written[0], written[1:8], written[8]
    total = sum(int(figure) * weight for figure, weight in zip(figures, (2, 7, 6, 5, 4, 3, 2), strict=True))
    total += {"T": 4, "G": 4, "M": 3}.get(first, 0)
    letters = "JZIHGFEDCBA" if first in "ST" else "XWUTRQPNMLK" if first in "FG" else "XWUTRQPNJLK"
    index = 10 - total % 11 if first == "M" else total % 11
    return letters[index] == last


_CHECKS: Final[dict[str, tuple[Entity, float, Callable[[str], bool]]]] = {
    "nif": (Entity.ES_NIF, 0.9, spanish.is_valid),
    "nie": (Entity.ES_NIE, 0.95, spanish_foreigner.is_valid),
    "hetu": (Entity.FI_PERSONAL_IDENTITY_CODE, 0.95, finnish.is_valid),
    "fiscal": (Entity.IT_FISCAL_CODE, 1.0, italian.is_valid),
    "pan": (Entity.IN_PAN, 0.7, lambda _: True),
    "nric": (Entity.SG_NRIC_FIN, 0.9, _nric),
    "nino": (Entity.UK_NINO, 0.7, lambda written: written[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}),
    "ric": (Entity.CN_RESIDENT_ID, 0.95, lambda _: True),
}


def _lettered(text: str, spots: Spots) -> Iterator[Finding]:
    for match in within(_LETTERED, text, around(spots, 20, 24, len(text))):
        entity, score, is_valid = _CHECKS[match.lastgroup or ""]
        if is_valid(match[0]):
            yield Finding(match.start(), match.end(), entity, score, "form and check letter")


# --- after words that name them ----------------------------------------------------------------------

_NUMBER_WORDS: Final = (
    r"(?:[ ]?(?:#|:|=|-|\bis\b|\bwas\b|\bno\b\.?|\bnum(?:ber)?\b\.?|\bnr\b\.?|\bid\b|\bcard\b"
    r"|\bplate\b)){0,4}[ ]{0,3}[\"'(]?"
)
_LICENSE: Final = re.compile(
    r"(?:driv(?:er|ing)(?:[\u2019']?s|s[\u2019'])?[ ]+licen[cs]e|führerschein(?:nummer)?"
    r"|permis de conduire|permiso de conducir|patente di guida|\bDLN?\b)"
    + _NUMBER_WORDS
    + r"(?P<value>[A-Z]{0,3}[ \-]?\d[A-Z0-9\-]{3,19}(?: \d{2,6}){0,4})(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_PASSPORT: Final = re.compile(
    r"(?:passport|reisepass(?:nummer)?|passeport|pasaporte|passaporto|paspoort)"
    + _NUMBER_WORDS
    + r"(?P<value>[A-Z]{0,3}\d{6,9}[A-Z]?)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_ACCOUNT: Final = re.compile(
    r"(?:account|acct|kontonummer|konto|routing|sort code"
    r"|numéro de compte|cuenta|conto)\.?" + _NUMBER_WORDS + r"(?P<value>\d(?:[ \-]?\d){5,16})(?![\w.])",
    re.IGNORECASE,
)


def _after(pattern: re.Pattern[str], entity: Entity, score: float) -> Callable[[str, Spots], Iterator[Finding]]:
    def find(text: str, spots: Spots) -> Iterator[Finding]:
        for spot, _ in spots:
            match = pattern.match(text, spot)
            if match is not None:
                yield Finding(*match.span("value"), entity, score, "after words for it")

    return find


RECOGNIZERS: Final = (
    Recognizer(
        frozenset(entity for entity, _, _ in _CHECKS.values()),
        r"[a-z]-?\d{7}|\d{8}-?[a-z]|\d{6}[\-+a-fu-y]\d{3}|[a-z]{4}\d{4}[a-z]"
        # All of a fiscal code, which may be letters only: its beginning is in every other text.
        r"|[a-z]{6}[0-9lmnp-v]{2}[a-ehlmprst][0-9lmnp-v]{2}[a-z][0-9lmnp-v]{3}[a-z]"
        r"|[a-z]{2} ?\d\d ?\d\d ?\d\d ?[a-d]|\d{17}x",
        _lettered,
    ),
    Recognizer(
        frozenset({Entity.US_DRIVER_LICENSE}),
        r"\bdriv(?:er|ing)(?:[^ ]?s|s[^ ])? {1,3}licen[cs]e\b|f.hrerschein|\bpermi(?:s|so) de |\bpatente di |\bdln?\b",
        _after(_LICENSE, Entity.US_DRIVER_LICENSE, 0.9),
    ),
    Recognizer(
        frozenset({Entity.PASSPORT}),
        r"pass(?:e?port|aporto)|reisepass|pasaporte|paspoort",
        _after(_PASSPORT, Entity.PASSPORT, 0.9),
    ),
    Recognizer(
        frozenset({Entity.BANK_ACCOUNT}),
        r"\bacc(?:oun)?t\b|konto|\brouting\b|\bsort code\b|\bcompte\b|\bcuenta\b|\bconto\b",
        _after(_ACCOUNT, Entity.BANK_ACCOUNT, 0.75),
    ),
)
