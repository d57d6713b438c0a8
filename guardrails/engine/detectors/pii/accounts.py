"""Bank accounts: IBANs by their check digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from contracts.guardrails import Finding
from guardrails.engine.detectors.pii.context import before, words
from guardrails.engine.detectors.pii.entities import Entity
from guardrails.engine.detectors.pii.recognizer import Recognizer
from guardrails.engine.detectors.triggers import Spots

_LENGTHS: Final = {
    entry[:2]: int(entry[2:])
    for entry in re.findall(
        r"\w+",
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29"
        " ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20"
        " LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28"
        " PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22"
        " VG24 XK20 YE30",
    )
}
"""Characters of an IBAN by country: SWIFT's registry."""
_IBAN: Final = re.compile(r"[A-Za-z]{2}\d{2}(?:[ \-]?[A-Za-z0-9]){11,30}")
_CONTEXT: Final = words("iban")


def _ibans(text: str, spots: Spots) -> Iterator[Finding]:
    floor = -1
    for start, _ in spots:
        if start < floor or (start and text[start - 1].isalnum()):
            continue
        match = _IBAN.match(text, start)
        end = _end(match[0]) if match is not None else 0
        if match is None or not end or text[start + end : start + end + 1].isalnum():
            continue
        if _passes_mod_97(match[0][:end]):
            floor = start + end
            yield Finding(start, floor, Entity.IBAN_CODE, 1.0, "mod 97")
        elif before(text, start, _CONTEXT):
            floor = start + end
            yield Finding(start, floor, Entity.IBAN_CODE, 0.6, "after words for it")


def _end(written: str) -> int:
    """Where, with its separators, an account of its country's length ends; 0: it is too short, or of no country."""
    left = _LENGTHS.get(written[:2].upper(), 0)
    for place, character in enumerate(written):
        left -= character.isalnum()
        if left == 0:
            return place + 1
    return 0


def _passes_mod_97(written: str) -> bool:
    """ISO 13616: the first four characters last, letters as numbers from 10."""
    characters = [character for character in written if character.isalnum()]
    return int("".join(str(int(character, 36)) for character in (*characters[4:], *characters[:4]))) % 97 == 1


RECOGNIZERS: Final = (
    Recognizer(frozenset({Entity.IBAN_CODE}), r"[a-z]{2}\d\d[ \-]?[a-z0-9]{4}[ \-]?[a-z0-9]{3}", _ibans),
)
