"""Telephone numbers: by the numbering plans of countries, or by shape and the words around them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from guardrails.engine.detectors.pii.context import near, words

_CONTEXT: Final = words(
    *(
        "phone",
        "phones",
        "telephone",
        "telefon",
        "teléfono",
        "telefono",
        "téléphone",
        "telefone",
        "tel",
        "fax",
        "mobile",
        "mobil",
    ),
    *(
        "cell",
        "cellphone",
        "call",
        "calling",
        "called",
        "dial",
        "text me",
        "reach",
        "ring",
        "whatsapp",
        "signal",
        "sms",
        "contact",
    ),
    *(
        "office",
        "home",
        "hotline",
        "helpline",
        "extension",
        "handy",
        "móvil",
        "portable",
        "cellulare",
        "celular",
        "telefoon",
    ),
    *("answering", "numéro", "rufnummer", "komórka", "puhelin"),
)
_GROUPS: Final = re.compile(r"\d+")
_PLUS: Final = re.compile(r"\(?\+|00[1-9]|\(00")


def score(text: str, start: int, end: int, written: str, bare: str, digits: str) -> float:
    """How likely ``text[start:end]`` is a telephone number, 0 to 1.

    It is ``written`` with an extension, ``bare`` without it, and ``digits`` are its figures alone.
    """
    if not 6 <= len(digits) <= 15:
        return 0.0
    if _PLUS.match(bare) is not None:
        planned = in_a_plan(digits.removeprefix("00"))
        return 0.95 if planned else 0.6 if bare != digits else 0.0
    if written != bare:
        return 0.8
    known = near(text, start, end, _CONTEXT)
    shaped = _by_shape(bare, digits)
    if not known:
        return shaped
    return min(0.9, shaped + 0.4) if shaped else 0.6 if len(digits) >= 7 else 0.0


def _by_shape(bare: str, digits: str) -> float:
    """E.164 allows 15 digits; a number without any mark of a telephone number is only a number."""
    if bare == digits:
        return 0.3 if digits.startswith("0") and 9 <= len(digits) <= 11 else 0.0
    sizes = [len(group) for group in _GROUPS.findall(bare)]
    if len(sizes) > 6 or max(sizes) > 8 or min(sizes) < 2:
        return 0.2
    if sizes == [3, 2, 4]:  # as social security numbers are written, and this is none
        return 0.1
    if bare.startswith("("):
        return 0.7 if len(digits) >= 8 else 0.4
    if sizes == [3, 3, 4]:
        return 0.7
    if digits.startswith("0") and 8 <= len(digits) <= 12:
        return 0.6
    if sizes[0] == 1 or "." in bare:
        return 0.3
    if len(set(sizes)) == 1 and sizes[0] == 3:  # 250 000 000: an amount as likely
        return 0.3
    return 0.5 if 7 <= len(digits) <= 12 and len(sizes) >= 2 and max(sizes) <= 7 else 0.3


def in_a_plan(digits: str) -> bool:
    """Whether the figures, from the country's code on, are a number of that country's numbering plan."""
    for length in (1, 2, 3):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length] or "0"))
        if regions:
            national = digits[length:]
            return any(_fits(national, region) for region in regions)
    return False


def _fits(national: str, region: str) -> bool:
    plan = _plan(region)
    return plan is not None and (
        plan.fullmatch(national) is not None or plan.fullmatch(national.removeprefix("0")) is not None
    )


@lru_cache(maxsize=512)
def _plan(region: str) -> re.Pattern[str] | None:
    metadata = PhoneMetadata.metadata_for_region(region, None)
    if metadata is None or metadata.general_desc is None:
        return None
    pattern = metadata.general_desc.national_number_pattern
    return re.compile(pattern) if pattern else None
