"""Credentials: by their issuers' prefixes, by their form, or by the name before them.

Prefixes are those of :mod:`contracts.credentials`. A value after a name such as ``password`` counts where
it looks random, or where the text says that it is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from math import log2
from typing import Final

import msgspec

from contracts.credentials import ISSUED, JSON_WEB_TOKEN, PRIVATE_KEY
from contracts.guardrails import Finding
from guardrails.engine.detectors.triggers import Spots, Triggers
from guardrails.engine.text import Text

_SECRET: Final = "SECRET"  # noqa: S105 - the name of an entity
_PRIVATE_KEY: Final = "PRIVATE_KEY"
_CONNECTION: Final = "CONNECTION_STRING_PASSWORD"
_TOKEN: Final = "ACCESS_TOKEN"  # noqa: S105 - the name of an entity
ENTITIES: Final = frozenset({_SECRET, _PRIVATE_KEY, _CONNECTION, _TOKEN})
LONGEST: Final = 8_192
"""Characters of the longest credential that is told whole: a private key of 8,192 bits in PEM."""

_JWT: Final = re.compile(JSON_WEB_TOKEN.form)
_PEM: Final = re.compile(PRIVATE_KEY.form)
_URL_PASSWORD: Final = re.compile(r"://[^\s/:@]{0,64}:(?P<value>[^\s/@]{1,256})@")
_CONNECTION_PASSWORD: Final = re.compile(r"(?:password|pwd)=(?P<value>[^\s;\"'&]{4,256})", re.IGNORECASE)
_BEARER: Final = re.compile(r"(?:bearer|basic)[ \t]{1,9}(?P<value>[A-Za-z0-9._~+/\-]{16,4096}={0,2})", re.IGNORECASE)
_NAMED: Final = re.compile(
    r"(?P<name>pass(?:word|wd|phrase|code)?|pwd|secret|key|token|kennwort|passwort|mot de passe"
    r"|contraseña|senha|wachtwoord|hasło)"
    r"(?P<link>[\"'`]?\s{0,9}(?::=|=>|[:=]|\bis\b|\bist\b|\best\b|\bes\b"
    r"|\bé\b)\s{0,9}[\"'`]?)(?P<value>[^\s\"'`,;<>]{6,512})",
    re.IGNORECASE,
)
_PLACEHOLDER: Final = re.compile(
    r"[\[<{$%(].*|.*[\]>})]|x{4,}|\*{3,}|\.{3,}|(?:your|my|the|a|an|some|example|changeme|change_me"
    r"|null|none|true|false|undefined|required|optional|string|redacted|hidden|env)(?:\b|_).*",
    re.IGNORECASE,
)


class _Kind(msgspec.Struct, frozen=True):
    trigger: str
    find: Callable[[str, Spots], Iterator[Finding]]


def _issued(issuer: str, form: str) -> Callable[[str, Spots], Iterator[Finding]]:
    pattern = re.compile(form)

    def find(text: str, spots: Spots) -> Iterator[Finding]:
        end = -1
        for spot, _ in spots:
            if spot < end or (text[spot - 1 : spot].isalnum() and spot > 0):
                continue
            match = pattern.match(text, spot)
            if match is not None and not _is_monotonous(match[0]):
                end = match.end()
                yield Finding(spot, end, _SECRET, 0.98, f"prefix of {issuer}")

    return find


def _is_monotonous(value: str) -> bool:
    """``sk-xxxxxxxx``: a stand-in."""
    return len(set(value[-16:])) < 4


def _matching(pattern: re.Pattern[str], entity: str, evidence: str) -> Callable[[str, Spots], Iterator[Finding]]:
    group = "value" if "value" in pattern.groupindex else 0

    def find(text: str, spots: Spots) -> Iterator[Finding]:
        end = -1
        for spot, _ in spots:
            match = pattern.match(text, spot) if spot >= end else None
            if match is not None and not _PLACEHOLDER.fullmatch(match[group]):
                end = match.end(group)
                yield Finding(match.start(group), end, entity, 0.95, evidence)

    return find


def _named(text: str, spots: Spots) -> Iterator[Finding]:
    end = -1
    for spot, _ in spots:
        match = _NAMED.match(text, spot) if spot >= end else None
        if match is None:
            continue
        start, end = match.span("value")
        value = match["value"].rstrip(".!?)")
        if not _PLACEHOLDER.fullmatch(value) and _is_credential(match["name"], match["link"], value):
            yield Finding(start, start + len(value), _SECRET, 0.8, "value after a name for secrets")
        end = start + len(value)


def _is_credential(name: str, link: str, value: str) -> bool:
    """A word after ``password is`` is as likely the next of the sentence: it takes more than letters."""
    if len(value) < 6:
        return False
    kinds = sum(any(map(test, value)) for test in (str.islower, str.isupper, str.isdigit, _is_sign))
    is_assigned = any(sign in link for sign in ":=")
    if name.lower().startswith(("pass", "pwd", "kennwort", "mot", "contra", "senha", "wacht", "has")):
        return kinds >= 2 or (is_assigned and len(value) >= 8)
    return len(value) >= 12 and entropy(value) >= 3.0 and kinds >= 2


def _is_sign(character: str) -> bool:
    return not character.isalnum()


def entropy(value: str) -> float:
    """Bits per character by Shannon: words have about 2.5 to 3, random base64 of 20 characters 4 and more."""
    counts = [sum(1 for _ in group) for _, group in groupby(sorted(value))]
    return -sum(count / len(value) * log2(count / len(value)) for count in counts) if value else 0.0


_KINDS: Final = (
    *(_Kind(one.begins, _issued(one.issuer, one.form)) for one in ISSUED),
    _Kind("eyJ[a-z0-9_-]{8}", _matching(_JWT, _TOKEN, "form of a JSON Web Token")),
    _Kind("-----BEGIN [a-z0-9 ]{0,40}PRIVATE KEY", _matching(_PEM, _PRIVATE_KEY, "PEM")),
    _Kind("://[^\\s/:@]{0,64}:[^\\s/@]{1,256}@", _matching(_URL_PASSWORD, _CONNECTION, "password in an address")),
    _Kind("\\b(?:password|pwd)=", _matching(_CONNECTION_PASSWORD, _CONNECTION, "password in a connection string")),
    _Kind("\\b(?:bearer|basic)[ \\t]{1,9}[a-z0-9._~+/-]{16}", _matching(_BEARER, _TOKEN, "after the scheme")),
    _Kind(
        "(?:pass(?:word|wd|phrase|code)?|pwd|secret|key|token|kennwort|passwort|mot de passe|contrase.a"
        "|senha|wachtwoord|has.o)[\"'`]?\\s{0,9}(?::|=|is |ist |est |es |. )",
        _named,
    ),
)


class Secrets:
    """Finds credentials in a text."""

    window: int | None = LONGEST

    def __init__(self) -> None:
        self._triggers = Triggers([kind.trigger for kind in _KINDS])

    def find(self, text: Text) -> Sequence[Finding]:
        """What there is, in order of ``start``; a credential that is told by several marks once, by the surest."""
        reading = text.folded
        there = self._triggers.scan(reading.text)
        if not there:
            return ()
        found = sorted(
            (one for which, spots in there.items() for one in _KINDS[which].find(reading.text, spots)),
            key=lambda one: (one.start, -one.score),
        )
        kept: list[Finding] = []
        for one in found:
            if kept and one.start < kept[-1].end:
                kept[-1] = _joined(kept[-1], one)
            else:
                kept.append(one)
        if reading.places is None:
            return kept
        return [Finding(*reading.span(one.start, one.end), one.entity, one.score, one.evidence) for one in kept]


def _joined(one: Finding, other: Finding) -> Finding:
    """Nothing of either is left to be read."""
    surer = max(one, other, key=lambda each: each.score)
    return Finding(one.start, max(one.end, other.end), surer.entity, surer.score, surer.evidence)
