"""Where somebody is reached on a network: e-mail, pages, IP and MAC addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from contracts.guardrails import Finding
from guardrails.engine.detectors.pii.context import before, words
from guardrails.engine.detectors.pii.entities import Entity
from guardrails.engine.detectors.pii.recognizer import Recognizer
from guardrails.engine.detectors.triggers import Spots, around, within

# --- e-mail ------------------------------------------------------------------------------------------

_LABEL: Final = r"[^\W_](?:[\w\-]{0,61}[^\W_])?"
_AT_DOMAIN: Final = re.compile(rf"@(?:{_LABEL}\.){{1,8}}[^\W\d_]{{2,24}}(?![\w\-])")
_LOCAL_PART: Final = frozenset(".+%'-_")
_SPELLED: Final = re.compile(
    r"(?:\[|\(|<|\{)\s?(?:at|@)\s?(?:\]|\)|>|\})\s{0,3}"
    rf"{_LABEL}(?:\s{{0,3}}(?:\.|[\[(<{{]\s?dot\s?[\])>}}])\s{{0,3}}[\w\-]{{2,40}}){{1,4}}",
    re.IGNORECASE,
)


def _emails(text: str, spots: Spots) -> Iterator[Finding]:
    """Looks back from each ``@`` with a domain: forwards, every word would be tried as a local part."""
    floor = 0
    for at, _ in spots:
        if at < floor:
            continue
        match, evidence = _AT_DOMAIN.match(text, at), "address with a domain"
        if match is None:
            match, evidence = _SPELLED.match(text, at), "address spelled out"
        if match is None:
            continue
        before = len(text[max(floor, at - 3) : at]) - len(text[max(floor, at - 3) : at].rstrip())
        start = _local_part(text, at - before, floor)
        if start < at - before:
            floor = match.end()
            yield Finding(start, floor, Entity.EMAIL_ADDRESS, 1.0, evidence)


def _local_part(text: str, at: int, floor: int) -> int:
    start = at
    while start > floor and at - start < 64 and (text[start - 1].isalnum() or text[start - 1] in _LOCAL_PART):
        start -= 1
    while start < at and text[start] in ".'-%":
        start += 1
    return start


# --- pages -------------------------------------------------------------------------------------------

_URL: Final = re.compile(
    r"(?:https?|ftp)://[^\s<>\"'`{}|\\^\[\]]{3,2000}|(?<![\w@.\-/])www\.[\w\-]{1,63}\.[^\s<>\"'`]{2,400}", re.I
)
_URL_END: Final = ".,;:!?)'\"*_"
_DOMAIN: Final = re.compile(r"(?<![\w@.\-/])(?:[A-Za-z0-9][A-Za-z0-9\-]{0,62}\.){1,6}([A-Za-z]{2,12})(?![\w\-@(]|\.\w)")
_TOP_LEVELS: Final = frozenset(
    [
        "com",
        "org",
        "net",
        "edu",
        "gov",
        "mil",
        "int",
        "info",
        "biz",
        "name",
        "pro",
        "aero",
        "coop",
        "museum",
        "io",
        "co",
        "ai",
        "app",
        "dev",
        "cloud",
        "online",
        "shop",
        "store",
        "site",
        "tech",
        "xyz",
        "eu",
        "us",
        "uk",
        "de",
        "fr",
        "es",
        "it",
        "nl",
        "be",
        "ch",
        "at",
        "pt",
        "dk",
        "se",
        "no",
        "fi",
        "ie",
        "pl",
        "cz",
        "sk",
        "hu",
        "ro",
        "bg",
        "gr",
        "hr",
        "si",
        "ee",
        "lv",
        "lt",
        "lu",
        "mt",
        "cy",
        "is",
        "ru",
        "ua",
        "tr",
        "il",
        "ae",
        "sa",
        "za",
        "eg",
        "ng",
        "ke",
        "in",
        "cn",
        "jp",
        "kr",
        "tw",
        "hk",
        "sg",
        "my",
        "th",
        "vn",
        "id",
        "ph",
        "au",
        "nz",
        "ca",
        "mx",
        "br",
        "ar",
        "cl",
        "co",
        "pe",
        "ve",
        "uy",
    ]
)
"""Of the top-level domains those that are common in writing and no usual ending of a file."""


def _pages(text: str, spots: Spots) -> Iterator[Finding]:
    for match in within(_URL, text, around(spots, 5, 2200, len(text))):
        url = match[0].rstrip(_URL_END)
        yield Finding(match.start(), match.start() + len(url), Entity.URL, 0.9, "scheme or www")


def _domains(text: str, spots: Spots) -> Iterator[Finding]:
    floor = -1
    for spot, _ in spots:
        if spot < floor:
            continue
        start = spot
        while start > 0 and spot - start < 200 and (text[start - 1].isalnum() or text[start - 1] in ".-"):
            start -= 1
        match = _DOMAIN.match(text, start)
        top = match[1] if match is not None else ""
        if match is not None and top.lower() in _TOP_LEVELS and (top.islower() or match[0].isupper()):
            floor = match.end()
            yield Finding(start, floor, Entity.DOMAIN_NAME, 0.5, "top-level domain")


# --- devices -----------------------------------------------------------------------------------------

_IPV4: Final = re.compile(r"\d(?<![\w.\-]\d)\d{0,2}(?:\.\d{1,3}){3}(?!\d|\.\d|[^\W\d_])")
_IPV6: Final = re.compile(r"[0-9A-Fa-f:](?<![\w:.].)[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{0,34}(?:[0-9A-Fa-f]|::)(?![\w:])")
_MAC: Final = re.compile(
    r"[0-9A-Fa-f]{2}(?<![\w:\-]..)([:\-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:\-])"
    r"|(?<![\w.])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?![\w.])"
)
_VERSION: Final = words("version", "v", "release", "section", "chapter", "build")


def _ipv4(text: str, spots: Spots) -> Iterator[Finding]:
    for match in within(_IPV4, text, around(spots, 20, 20, len(text))):
        try:
            IPv4Address(match[0])
        except AddressValueError:
            continue
        is_version = before(text[max(0, match.start() - 10) : match.start()], 10, _VERSION)
        yield Finding(match.start(), match.end(), Entity.IP_ADDRESS, 0.3 if is_version else 0.9, "four parts below 256")


def _ipv6(text: str, spots: Spots) -> Iterator[Finding]:
    for match in within(_IPV6, text, around(spots, 40, 48, len(text))):
        if match[0].count(":") < 2 or len(match[0]) < 6 or not any(map(str.isdigit, match[0])):
            continue
        try:
            IPv6Address(match[0])
        except AddressValueError:
            continue
        yield Finding(match.start(), match.end(), Entity.IP_ADDRESS, 0.9, "IPv6")


def _macs(text: str, spots: Spots) -> Iterator[Finding]:
    for match in within(_MAC, text, around(spots, 24, 24, len(text))):
        yield Finding(match.start(), match.end(), Entity.MAC_ADDRESS, 0.95, "six octets")


RECOGNIZERS: Final = (
    Recognizer(frozenset({Entity.EMAIL_ADDRESS}), r"@|[\[(<{] ?at ?[\])>}]", _emails),
    Recognizer(frozenset({Entity.URL}), r"(?:https?|ftp)://|\bwww\.", _pages),
    Recognizer(
        frozenset({Entity.DOMAIN_NAME, Entity.URL}), r"[a-z0-9]\.(?:" + "|".join(sorted(_TOP_LEVELS)) + r")\b", _domains
    ),
    Recognizer(frozenset({Entity.IP_ADDRESS}), r"\d\.\d{1,3}\.\d{1,3}\.\d", _ipv4),
    Recognizer(frozenset({Entity.IP_ADDRESS}), r":[0-9a-f]{0,4}:", _ipv6),
    Recognizer(
        frozenset({Entity.MAC_ADDRESS}),
        r"[0-9A-Fa-f]{2}[:\-][0-9A-Fa-f]{2}[:\-][0-9A-Fa-f]{2}[:\-]|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.",
        _macs,
    ),
)
