"""Personal data and credentials in text, replaced by placeholders such as ``[EMAIL]``: deterministic and fast.

What has a checksum is held to it (cards: Luhn, ISO/IEC 7812-1; IBAN: mod 97, ISO 13616; national ids: python-stdnum);
credentials are known by their issuers' prefixes (:mod:`contracts.credentials`) or by the name before them. Phone
numbers are told by their shape alone. Names, addresses and what only a reader understands stay: see
docs/DATA_PROTECTION.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Address
from typing import Any, Final

from stdnum import iban, luhn
from stdnum.be import nn as belgian
from stdnum.br import cpf as brazilian
from stdnum.ca import sin as canadian
from stdnum.ch import ssn as swiss
from stdnum.cn import ric as chinese
from stdnum.de import idnr as german
from stdnum.es import dni as spanish
from stdnum.es import nie as spanish_foreigner
from stdnum.fi import hetu as finnish
from stdnum.fr import nir as french
from stdnum.gb import nhs as british
from stdnum.in_ import aadhaar as indian
from stdnum.it import codicefiscale as italian
from stdnum.nl import bsn as dutch
from stdnum.pl import pesel as polish
from stdnum.se import personnummer as swedish
from stdnum.tr import tckimlik as turkish

from contracts.credentials import ISSUED, JSON_WEB_TOKEN, PRIVATE_KEY

Check = Callable[[str], bool]

# --- credentials -------------------------------------------------------------------------------------


def _sign_of(mark: str) -> str:
    return next((sign for sign in "_-=/:" if sign in mark), "")


_KNOWN: Final = (PRIVATE_KEY, *ISSUED, JSON_WEB_TOKEN)
# Characters that follow belong to it: where credentials become longer than published, nothing of them stays.
_SECRET: Final = re.compile(rf"(?<![A-Za-z0-9_])(?:{'|'.join(one.form for one in _KNOWN)})[A-Za-z0-9_\-]*")
_MARKS: Final = tuple(
    (sign, tuple(mark for one in _KNOWN for mark in one.marks if (_sign_of(mark) == sign)))
    for sign in sorted({_sign_of(mark) for one in _KNOWN for mark in one.marks})
)
"""A sign, and texts with it of which one stands in every credential of :data:`_SECRET`: looking for them costs a tenth
of matching, and most texts have few of the signs."""
_NAMED_SECRET: Final = re.compile(
    r"(?P<name>(?:pass(?:word|wd|phrase)|secret|api[ _-]?key|access[ _-]?key|auth[ _-]?token|access[ _-]?token"
    r"|client[ _-]?secret|private[ _-]?key|authorization)"
    r"[\"']?\s{0,9}(?:[:=]|\bis\b)\s{0,9}(?:bearer\s{1,9}|basic\s{1,9})?[\"']?)(?P<value>[^\s\"',;]{6,})",
    re.IGNORECASE,
)
_NAMES: Final = ("pass", "secret", "key", "token", "authorization")
_BEARER: Final = re.compile(r"(?P<name>[Bb](?:earer|EARER)\s{1,9})(?P<value>[A-Za-z0-9._~+/\-]{16,}=*)")
_URL_PASSWORD: Final = re.compile(r"(?P<name>://[^\s/:@]{0,64}:)(?P<value>[^\s/@]{1,256})(?=@)")

# --- addresses ---------------------------------------------------------------------------------------
# A pattern begins with a class of characters wherever it can, and looks behind after the first: the engine then
# skips ahead to that class instead of trying every position.

_AT_DOMAIN: Final = re.compile(r"@(?:[^\W_](?:[\w\-]{0,61}[^\W_])?\.)+[^\W\d_]{2,24}(?![\w\-])")
_LOCAL_PART: Final = frozenset(".+%'-_")
_IPV4: Final = re.compile(r"\d(?<![\d.]\d)\d{0,2}(?:\.\d{1,3}){3}(?!\d|\.\d)")
_IPV6: Final = re.compile(r"[0-9A-Fa-f:](?<![\w:.].)[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{0,34}(?:[0-9A-Fa-f]|::)(?![\w:])")
_IBAN_HINT: Final = re.compile(r"\d(?<=[A-Za-z]{2}\d)\d[ \-]?[A-Za-z0-9]{4}")
_IBAN: Final = re.compile(
    r"[A-Za-z](?<![A-Za-z0-9].)[A-Za-z]\d{2}(?:[ \-]?[A-Za-z0-9]{4}){2,7}(?:[ \-]?[A-Za-z0-9]{1,3})?(?![A-Za-z0-9])"
)

# --- numbers -----------------------------------------------------------------------------------------

_NUMBER: Final = re.compile(
    r"[+(\d](?<![\w.@#$€£].)(?:(?<=\()\+)?(?:(?<=\d)|\d)(?:[ .\-/()]{0,2}\d){6,24}"
    r"(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\w@])"
)
"""Anything of 7 to 25 digits, with separators; what it is, its digits say."""
_EXTENSION: Final = re.compile(r"\s?(?:x|ext\.?)\s?\d{1,6}\Z")
_SEPARATED: Final = re.compile(r"[^\d]")
_DATE: Final = re.compile(
    r"(?:(?:19|20)\d\d([-/.])(?:0?[1-9]|1[0-2])\1(?:[0-2]?\d|3[01])|(?:[0-2]?\d|3[01])([-/.])(?:[0-2]?\d|3[01])\2(?:19|20)\d\d)(?!\d)"
)
_DECIMAL: Final = re.compile(r"\d+\.\d+")
_SSN: Final = re.compile(r"(?!000|666|9\d\d)\d{3}([ \-])(?!00)\d\d\1(?!0000)\d{4}")
_LETTERED_ID: Final = re.compile(
    r"[0-9A-Z](?<![A-Za-z0-9].)(?:"
    r"(?<=\d)(?:\d{7}-?[A-Z]|\d{5}[-+A-FU-Y]\d{3}[0-9A-Y]|\d{16}[\dX])"  # Spain, Finland, China
    r"|(?<=[XYZ])-?\d{7}-?[A-Z]"  # Spain, foreigners
    r"|(?<=[A-Z])[A-Z]{5}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]"  # Italy
    r")(?![A-Za-z0-9])"
)
_LETTERED_CHECKS: Final[tuple[Check, ...]] = (
    spanish.is_valid,
    spanish_foreigner.is_valid,
    finnish.is_valid,
    italian.is_valid,
    chinese.is_valid,
)
_BY_LENGTH: Final[dict[int, tuple[Check, ...]]] = {
    11: (belgian.is_valid, brazilian.is_valid, german.is_valid, polish.is_valid, turkish.is_valid),
    12: (indian.is_valid, swedish.is_valid),
    13: (swiss.is_valid,),
    15: (french.is_valid,),
    18: (chinese.is_valid,),
}
_ONLY_SEPARATED: Final[dict[int, tuple[Check, ...]]] = {
    9: (canadian.is_valid, dutch.is_valid),
    10: (british.is_valid, swedish.is_valid),
}
"""A tenth of all numbers this short pass the check: they count only when written with separators."""

_CARD_LENGTHS: Final = range(12, 20)
_CARD_STARTS: Final = ("2", "3", "4", "5", "6")


def redact(text: str) -> str:
    """The text with what was found replaced by ``[EMAIL]``, ``[PHONE]``, ``[CREDIT_CARD]``, ``[IBAN]``, ``[IP]``,
    ``[NATIONAL_ID]`` and ``[SECRET]``. Redacting twice changes nothing more.
    """
    text = _without_secrets(text)
    if "@" in text:
        text = _without_emails(text)
    if ":" in text:
        text = _IPV6.sub(_ipv6, text)
    if _DIGIT.search(text) is None:
        return text
    if _IBAN_HINT.search(text) is not None:
        text = _IBAN.sub(_iban, text)
    text = _IPV4.sub(_ipv4, text)
    text = _LETTERED_ID.sub(_lettered_id, text)
    return _NUMBER.sub(_number, text)


def redact_json(value: Any) -> Any:
    """A JSON value with every text in it redacted, names of fields included; the value itself is left as it is.

    What cannot be read is not kept: embedded files become ``[DATA]``, token ids ``[TOKENS]``.
    """
    if isinstance(value, str):
        return "[DATA]" if _is_embedded_data(value) else redact(value)
    if isinstance(value, dict):
        return {redact(name) if isinstance(name, str) else name: redact_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, int) for item in value):
            return "[TOKENS]"
        return [redact_json(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _json_number(value)
    return value


_DIGIT: Final = re.compile(r"\d")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_\-\r\n]{256,}={0,2}\s*\Z")


def _is_embedded_data(text: str) -> bool:
    return text.startswith("data:") or (len(text) > 256 and _BASE64.match(text) is not None)


def _json_number(value: float) -> Any:
    text = str(value)
    redacted = redact(text)
    return value if redacted == text else redacted


def _without_secrets(text: str) -> str:
    if any(sign in text and any(mark in text for mark in marks) for sign, marks in _MARKS):
        text = _SECRET.sub("[SECRET]", text)
    lowered = text.lower()
    if any(name in lowered for name in _NAMES):
        text = _NAMED_SECRET.sub(_named, text)
    if "bearer" in lowered:
        text = _BEARER.sub(_named, text)
    return _URL_PASSWORD.sub(_named, text)


def _without_emails(text: str) -> str:
    """Looks back from each ``@`` with a domain: forwards, every word would be tried as a local part."""
    kept: list[str] = []
    end = 0
    for match in _AT_DOMAIN.finditer(text):
        at = start = match.start()
        while start > end and at - start < 64 and (text[start - 1].isalnum() or text[start - 1] in _LOCAL_PART):
            start -= 1
        if start < at:
            kept += text[end:start], "[EMAIL]"
            end = match.end()
    return "".join([*kept, text[end:]])


def _named(match: re.Match[str]) -> str:
    return match[0] if match["value"].startswith("[") else f"{match['name']}[SECRET]"


def _iban(match: re.Match[str]) -> str:
    return "[IBAN]" if iban.is_valid(match[0], check_country=False) else match[0]


def _ipv6(match: re.Match[str]) -> str:
    try:
        IPv6Address(match[0])
    except AddressValueError:
        return match[0]
    return "[IP]"


def _ipv4(match: re.Match[str]) -> str:
    return "[IP]" if all(int(part) < 256 for part in match[0].split(".")) else match[0]


def _lettered_id(match: re.Match[str]) -> str:
    return "[NATIONAL_ID]" if any(check(match[0]) for check in _LETTERED_CHECKS) else match[0]


def _number(match: re.Match[str]) -> str:
    written = match[0]
    if _DATE.match(written) or _DECIMAL.fullmatch(written):
        return written
    bare = _EXTENSION.sub("", written)
    digits = _SEPARATED.sub("", bare)
    if _is_card(digits):
        return "[CREDIT_CARD]"
    if _SSN.fullmatch(bare) or _is_national_id(bare, digits):
        return "[NATIONAL_ID]"
    return "[PHONE]" if _is_phone(written, bare, digits) else written


def _is_card(digits: str) -> bool:
    return len(digits) in _CARD_LENGTHS and digits.startswith(_CARD_STARTS) and luhn.is_valid(digits)


def _is_national_id(written: str, digits: str) -> bool:
    if written.startswith(("+", "(")):
        return False
    checks = _BY_LENGTH.get(len(digits), ())
    if written != digits:
        checks += _ONLY_SEPARATED.get(len(digits), ())
    return any(check(digits) for check in checks)


def _is_phone(written: str, bare: str, digits: str) -> bool:
    """By shape: E.164 allows 15 digits; a number without any mark of a phone number is only a number."""
    if not 7 <= len(digits) <= 15:
        return False
    if written != bare or bare.startswith(("+", "(", "00")):
        return True
    if bare == digits:
        return digits.startswith("0") and 9 <= len(digits) <= 11
    groups = _DIGITS.findall(bare)
    return len(digits) >= 8 and 2 <= len(groups) <= 6 and max(map(len, groups)) <= 8


_DIGITS: Final = re.compile(r"\d+")
