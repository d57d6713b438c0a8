"""Names of people that a title or the words before them announce."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from contracts.guardrails import Finding
from guardrails.engine.detectors.pii.entities import Entity
from guardrails.engine.detectors.pii.recognizer import Recognizer
from guardrails.engine.detectors.triggers import Spots

_TITLE: Final = (
    "mr|mrs|ms|miss|mx|dr|prof|professor|sir|dame|madam|herr|frau|hr|fr|monsieur|madame|mademoiselle"
    "|mme|mlle|señora?|señorita|sr|sra|srta|signora?|sig|sig\\.ra|dott"
    "|senhora?|pan|pani|doña|fru|dhr|mevr|reverend|rev|judge|captain|lieutenant|sergeant"
)
_PART: Final = r"[^\W\d_a-z][\w'\u2019\-]{0,30}"
_LINK: Final = r"(?:van|von|der|den|de|del|della|di|da|dos|la|le|bin|ibn|al|el|ten|ter|zu|zur|y)"
_NAME: Final = rf"{_PART}(?:[ ](?:{_LINK}[ ]){{0,2}}{_PART}){{0,3}}"
_TITLED: Final = re.compile(rf"(?<!\w)(?:(?i:{_TITLE})\.?[ ])+(?:(?:{_LINK})[ ])?{_NAME}")
_TITLED_ANYHOW: Final = re.compile(
    r"(?<!\w)(?:mr|mrs|ms|mx|dr"
    r"|prof)\.[ ][^\W\d_][\w'\u2019\-]{1,30}(?:[ ][^\W\d_][\w'\u2019\-]{1,30})?(?=[.,!?;:\n]|\Z)",
    re.IGNORECASE,
)
_ANNOUNCED: Final = re.compile(
    r"(?<!\w)(?i:(?:my|first|last|maiden|middle|family|given|full|user) ?name(?: is|['\u2019]s)"
    r"|surname is|calls? me|named (?:him|her)|name(?: is)?[ ]?:|i am called|signed by"
    r"|full name[ ]?[:=]|mein name ist|ich heiße|je m['\u2019]appelle|me llamo|mi nombre es"
    r"|mi chiamo|meu nome é|mijn naam is|jag heter|nazywam się)[ ]{1,6}"
    rf"(?P<name>{_NAME}|(?:(?<=name is )|(?<=name's )|(?<=heter )|(?<=appelle )|(?<=llamo )|(?<=s me )"
    rf"|(?<=l me ))[^\W\d_]{{2,20}}(?=[.,!?\n]|\Z))"
)
_GREETED: Final = re.compile(
    rf"(?<!\w)(?i:dear|hi|hello|hey|regards,?|sincerely,?|cheers,?|thanks,?)\s{{1,2}}(?P<name>{_NAME})(?=[,!]|\n|\Z)"
)
_NO_NAME: Final = frozenset(
    {
        "The",
        "A",
        "An",
        "I",
        "It",
        "Not",
        "This",
        "That",
        "And",
        "But",
        "Sir",
        "Madam",
        "Bot",
        "There",
        "All",
        "Team",
        "Everyone",
        "Folks",
        "Guys",
    }
)


def _titled(text: str, spots: Spots) -> Iterator[Finding]:
    for start, _ in spots:
        match = _TITLED.match(text, start)
        if match is not None and match[0].split()[-1] not in _NO_NAME:
            yield Finding(start, match.end(), Entity.PERSON, 0.75, "name after a title")
            continue
        match = _TITLED_ANYHOW.match(text, start)
        if match is not None:
            yield Finding(start, match.end(), Entity.PERSON, 0.6, "name after a title")


def _announced(text: str, spots: Spots) -> Iterator[Finding]:
    for spot, _ in spots:
        match = _ANNOUNCED.match(text, spot) or _GREETED.match(text, spot)
        if match is not None and match["name"].split()[0] not in _NO_NAME:
            yield Finding(*match.span("name"), Entity.PERSON, 0.8, "name that is announced")


_PERSON: Final = frozenset({Entity.PERSON})
RECOGNIZERS: Final = (
    Recognizer(_PERSON, rf"\b(?:{_TITLE})\b\.? [^\d ]", _titled),
    Recognizer(
        _PERSON,
        r"\b(?:(?:my|first|last|maiden|middle|family|given|full|user) ?name\b|surname is|name ?:|name is"
        r"|named h|i am called|calls? me\b|signed by"
        r"|mein name|ich hei.e|je m.appelle|me llamo|mi nombre|mi chiamo|meu nome|mijn naam|jag heter|nazywam si)"
        # Names have a capital: "Hello there" is not worth a look.
        r"|\b(?:dear|hi|hello|hey|regards|sincerely|cheers|thanks),?\s{1,2}(?-i:[^a-z\s])",
        _announced,
    ),
)
