"""What a text says in disguise: code words in place, and the whole text with its letters put otherwise.

Each test is one pass over the text, and most end after a glance. What is decoded is looked at once more, so that a
wrapping in a wrapping is seen; the number of readings is bounded, and none is longer than the text.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import urllib.parse
from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from guardrails.engine.detectors.triggers import Triggers
from guardrails.engine.folding import LATIN_LETTER, Reading, folded
from guardrails.engine.quick_search import base32_words, base64_words, leet_words, letters_apart

MOST_READINGS = 12
LONGEST_CODE = 200_000
"""Characters of one code word that are decoded at the most."""

_HEX = re.compile(r"\b(?:0x)?(?:[0-9A-Fa-f]{2}[ :,]?){8,}")
_BINARY = re.compile(r"\b(?:[01]{8}[ ,]?){4,}")
_CODE_POINT = r"(?:3[2-9]|[4-9][0-9]|1[01][0-9]|12[0-6])"
_DECIMAL = re.compile(rf"\b(?:{_CODE_POINT}(?:, ?| )){{6,}}{_CODE_POINT}\b")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ESCAPE = re.compile(r"(?:\\(?:u\{[0-9A-Fa-f]{1,6}\}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}))+")
_ENTITY = re.compile(r"(?:&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,10});)+")
_ONE_ESCAPE = re.compile(r"\\[ux]\{?([0-9A-Fa-f]+)\}?")
_GAP = re.compile(r"[ .\-_*|,/+~]+")
# What looks back does so behind its first character: expressions that begin with one are searched for much sooner.
_TORN = re.compile(
    r"[*~`|^#\u2190-\u2bff\U0001f000-\U0001faff](?<=[A-Za-z].)"
    r"(?:(?<=[*~`|^#])[*~`|^#]{0,2}|(?<![*~`|^#])[\u2190-\u2bff\U0001f000-\U0001faff]{0,2})(?=[A-Za-z])"
)
_SYLLABLES = re.compile(r"[-._](?<=[A-Za-z].)(?<![A-Za-z]{4}.)(?=[A-Za-z]{1,3}(?![A-Za-z]))")
_LEAST_SYLLABLES = 3
_INNER_FIGURE = re.compile(r"[A-Za-z][013457@$!]+[A-Za-z]")
_LEET_LETTERS = str.maketrans("013457@$!", "oleastasi")
_LEET_LETTERS_I = str.maketrans("013457@$!", "oieastasi")

_TELLING = frozenset(
    re.findall(
        "[a-z]+",
        """
        all and answer any are assistant but can commands developer directions disregard email everything following for
        forget from guidelines have hidden how ignore information instead instructions key make message must not now
        override password please previous print prompt reply reveal rules secret send show system tell that the then
        there they this user what will with you your
        """,
    )
)
"""Words of which a text in English, or an order to a model, has several."""
_IN_ROT13 = frozenset(codecs.encode(word, "rot13") for word in _TELLING) - _TELLING
_IN_REVERSE = frozenset(word[::-1] for word in _TELLING) - _TELLING - {"won", "liame"}


def decoded_readings(reading: Reading) -> tuple[Reading, ...]:
    """What is wrapped in it, at most two deep: base64, base32, hexadecimal, binary and decimal codes, percent- and
    backslash-escapes, entities; rot13, reversed text and words, figures for letters, letters and syllables set apart.

    Each reading is the whole text with what was decoded in its place.
    """
    gates = _gates_open(reading.text)
    if not gates:
        return ()
    unwrapped = list(_unwrapped(reading, gates))
    readings = unwrapped + list(_put_otherwise(reading, gates))
    for outer in unwrapped:
        gates = _gates_open(outer.text)
        readings += [*_unwrapped(outer, gates), *_put_otherwise(outer, gates)]
        if len(readings) >= MOST_READINGS:
            break
    return tuple(readings[:MOST_READINGS])


def _gates_open(text: str) -> frozenset[str]:
    """For which disguises a closer look may be worth it."""
    return frozenset(_GATED[index] for index in disguises().scan(text))


def _unwrapped(reading: Reading, gates: frozenset[str]) -> Iterator[Reading]:
    """The text with code words of one kind decoded, for each kind of which it has any."""
    text = reading.text
    for disguise, _, find, decode in _CODES:
        if disguise not in gates:
            continue
        found = [
            (match.start(), match.end(), said)
            for match in find(text)
            if (said := decode(match[0][:LONGEST_CODE])) and said != match[0]
        ]
        if found:
            yield reading.replaced(found, disguise)


def _put_otherwise(reading: Reading, gates: frozenset[str]) -> Iterator[Reading]:
    """The text with its letters exchanged or joined, where that looks as if something came of it."""
    text = reading.text
    words = set(text.lower().split()) if not gates.isdisjoint(_OF_WORDS) else set()
    if len(words & _IN_ROT13) >= 3:
        yield Reading(codecs.encode(text, "rot13"), reading.places, _within("rot13", reading), reading.backwards)
    if len(words & _IN_REVERSE) >= 2:
        yield Reading(text[::-1], reading.places, _within("reversed", reading), backwards=not reading.backwards)
        yield _words_reversed(reading)
    if _LEET_NAME in gates:
        yield from _leet(reading)
    if _APART_NAME in gates:
        yield from _changed(reading, list(_joined(text)), _APART_NAME)
    if _TORN_NAME in gates:
        yield from _changed(reading, _torn(text), _TORN_NAME)


def _changed(reading: Reading, pieces: list[tuple[int, int, str]], disguise: str) -> Iterator[Reading]:
    if pieces:
        yield reading.replaced(pieces, disguise)


def _within(disguise: str, reading: Reading) -> str:
    return f"{disguise} in {reading.disguise}" if reading.disguise else disguise


def _words_reversed(reading: Reading) -> Reading:
    """Each word from its end; all letters of a word stand at its beginning."""
    text, places = reading.text, array("q", reading.places or range(len(reading.text) + 1))
    for match in re.finditer(r"\w+", text):
        start, end = match.span()
        places[start:end] = array("q", [places[start]]) * (end - start)
    return Reading(
        re.sub(r"\w+", lambda match: match[0][::-1], text),
        places,
        _within("words reversed", reading),
        reading.backwards,
    )


def _leet(reading: Reading) -> Iterator[Reading]:
    found = [match for match in leet_words(reading.text) if sum(map(str.isalpha, match[0])) >= 2]
    if not any(_INNER_FIGURE.search(match[0]) for match in found):
        return
    for letters in (_LEET_LETTERS_I, _LEET_LETTERS):
        yield reading.replaced([(m.start(), m.end(), m[0].translate(letters)) for m in found], _LEET_NAME)
        if not any("1" in match[0] for match in found):
            return


def _joined(text: str) -> Iterator[tuple[int, int, str]]:
    """Runs of single letters, as words where wider gaps part them."""
    for match in letters_apart(text):
        run = match[0]
        if not LATIN_LETTER.search(run):
            continue  # a list of figures
        gaps = _GAP.findall(run)
        widest, narrowest = max(map(len, gaps)), min(map(len, gaps))
        parts = re.split(rf"[ .\-_*|,/+~]{{{widest}}}", run) if narrowest < widest else [run]
        yield match.start(), match.end(), " ".join(_GAP.sub("", part) for part in parts)


def _torn(text: str) -> list[tuple[int, int, str]]:
    """What stands inside of words and is to be left out."""
    syllables = list(_SYLLABLES.finditer(text))
    marks = [*_TORN.finditer(text), *(syllables if len(syllables) >= _LEAST_SYLLABLES else ())]
    return sorted((mark.start(), mark.end(), "") for mark in marks)


def _as_text(data: bytes) -> str:
    """What the bytes say in UTF-8 if it is something to read, else nothing."""
    try:
        said = data.decode()
    except UnicodeDecodeError:
        return ""
    shown = sum(character.isprintable() or character in "\t\n\r" for character in said)
    return folded(said).text if len(said) >= 3 and shown >= 0.95 * len(said) else ""


def _base64(code: str) -> str:
    if not (any(map(str.isupper, code)) and any(map(str.islower, code))):
        return ""
    compact = re.sub(r"[\r\n=]", "", code).replace("-", "+").replace("_", "/")
    compact = compact[:-1] if len(compact) % 4 == 1 else compact
    return _as_text(base64.b64decode(compact + "=" * (-len(compact) % 4)))


def _base32(code: str) -> str:
    compact = code.rstrip("=")
    try:
        return _as_text(base64.b32decode(compact + "=" * (-len(compact) % 8)))
    except binascii.Error:
        return ""


def _hex(code: str) -> str:
    return _as_text(bytes.fromhex(re.sub(r"0x|[ :,]", "", code)))


def _binary(code: str) -> str:
    figures = re.sub(r"[ ,]", "", code)
    return _as_text(bytes(int(figures[start : start + 8], 2) for start in range(0, len(figures), 8)))


def _decimal(code: str) -> str:
    said = "".join(chr(int(figures)) for figures in re.findall(r"[0-9]+", code))
    return said if sum(map(str.isalpha, said)) >= 0.7 * len(said) else ""


def _percent(code: str) -> str:
    return folded(urllib.parse.unquote(code, errors="replace")).text


def _escape(code: str) -> str:
    points = [int(figures, 16) for figures in _ONE_ESCAPE.findall(code)]
    return folded("".join(chr(point) for point in points if point < 0x110000)).text


def _entity(code: str) -> str:
    return folded(html.unescape(code)).text


_LEET_NAME = "figures for letters"
_APART_NAME = "letters apart"
_TORN_NAME = "torn words"

_CODES: tuple[tuple[str, str, Callable[[str], Iterator[re.Match[str]]], Callable[[str], str]], ...] = (
    ("base64", r"[A-Za-z0-9+/_-]{16}", base64_words, _base64),
    ("base32", r"[A-Z2-7]{16}", base32_words, _base32),
    ("hexadecimal", r"(?:[0-9A-Fa-f]{2}[ :,]){7}|[0-9A-Fa-f]{16}", _HEX.finditer, _hex),
    ("binary", r"[01]{8}[ ,]?[01]{8}", _BINARY.finditer, _binary),
    ("decimal codes", r"(?:[0-9]{2,3}[, ]+){6}", _DECIMAL.finditer, _decimal),
    ("percent-encoding", r"%[0-9A-Fa-f]{2}", _PERCENT.finditer, _percent),
    ("escapes", r"\\[ux]", _ESCAPE.finditer, _escape),
    ("entities", r"&(?:#[0-9xX]|[A-Za-z]{2,10};)", _ENTITY.finditer, _entity),
)
"""What it is called, what a text that has it contains, where it is, what it says (nothing: it is none)."""

_OF_WORDS = frozenset({"rot13", "reversed"})


def _any_of(words: Iterable[str]) -> str:
    return rf"\b(?:{'|'.join(sorted(words))})\b"


_OTHERWISE = (
    ("rot13", _any_of(_IN_ROT13)),
    ("reversed", _any_of(_IN_REVERSE)),
    (_LEET_NAME, r"[A-Za-z][013457@$!]+[A-Za-z]"),
    (_APART_NAME, r"(?:[A-Za-z0-9@$!][ .\-_*|,/+~]{1,3}){4}"),
    (
        _TORN_NAME,
        r"[A-Za-z](?:[*~`|^#]{1,3}|[?]{1,3})[A-Za-z]|[A-Za-z][-._][A-Za-z]{1,3}[-._][A-Za-z]",
    ),
)
_GATED = (*(code[0] for code in _CODES), *(name for name, _ in _OTHERWISE))


@cache
def disguises() -> Triggers:
    """One pass over a text that says which disguises may be in it; signs beyond U+00FF are question marks to it.

    Making it takes a fifth of a second, which processes that judge no texts need not spend: detectors that want texts
    decoded ask for it when they are built, so that no call waits for it.
    """
    return Triggers([*(code[1] for code in _CODES), *(one for _, one in _OTHERWISE)], once=range(len(_GATED)))
