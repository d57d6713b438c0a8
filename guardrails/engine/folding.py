"""Readings of a text, with the way back to where each character stands in the original."""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator

import msgspec

from guardrails.engine.lookalikes import (
    ALONE,
    AS_LETTERS,
    AS_READ,
    LETTER_LIKES,
    MARK_CHARACTERS,
    MARKS,
    NOT_AS_IT_STANDS,
    ODD,
)

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_CONTROLS = bytes(code for code in range(128) if _CONTROL.match(chr(code)))
_WORDS = re.compile(
    r"[\x00-\x7f]+(?:(?!\w)|(?<=\W))"  # as much as is no part of a word that goes on beyond ASCII
    r"|[\d_]*+(?P<word>[^\W\d_]+(?:[\d_]*[^\W\d_])*)?"
)
LATIN_LETTER = re.compile("[A-Za-z]")
_ASCII_BLANKS = "\n\t\r\x0b\x0c"
_BLANKS = "".join(char for char in map(chr, range(0x3001)) if char.isspace() and char != " ")
_PLAIN_ASCII = bytes(set(range(128)).difference(_CONTROLS))
_IN_ORDER = array("q", range(1 << 14))
"""The places of a text that is read as it stands: copied, not counted out."""


class Reading(msgspec.Struct, frozen=True):
    """Another way to read a text."""

    text: str
    places: array[int] | None = None
    """For each character of ``text`` and its end: the offset in the original, never falling; None: the same. Characters
    that stand for a code word together have its beginning."""
    disguise: str = ""
    """How the original says it: ``base64``, ``rot13``, ``spaced`` ...; empty: plainly."""
    backwards: bool = False
    """``text`` is read from its end; ``places`` are those of the text that is not."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's characters that read as ``text[start:end]``; all of a code word of which a part is meant."""
        if self.backwards:
            start, end = len(self.text) - end, len(self.text) - start
        if self.places is None:
            return start, end
        if end <= start:
            return self.places[start], self.places[start]
        return self.places[start], self.places[bisect_right(self.places, self.places[end - 1], end - 1)]

    def replaced(self, pieces: Iterable[tuple[int, int, str]], disguise: str = "") -> Reading:
        """With other words for some: (start, end, instead), in order and apart; itself where there are none."""
        found = list(pieces)
        if not found:
            return self
        text = self.text
        parts: list[str] = []
        done = 0
        for start, end, instead in found:
            parts += (text[done:start], instead)
            done = end
        parts.append(text[done:])
        if disguise and self.disguise:
            disguise = f"{disguise} in {self.disguise}"
        return Reading("".join(parts), self._places_after(found), disguise or self.disguise)

    def _places_after(self, pieces: list[tuple[int, int, str]]) -> array[int] | None:
        old = self.places
        if all(end - start == len(instead) for start, end, instead in pieces):
            return old  # letter by letter
        if old is None:
            size = len(self.text) + 1
            old = _IN_ORDER if size <= len(_IN_ORDER) else array("q", range(size))
        places = array("q")
        done = 0
        for start, end, instead in pieces:
            places += old[done:start]
            places += old[start : start + 1] * len(instead)
            done = end
        places += old[done : len(self.text) + 1]
        return places


def folded(original: str) -> Reading:
    """The text as a reader sees it: letters of one width, nothing invisible, no marks upon marks.

    Letters of other alphabets are the Latin ones that they look like where a word mixes both, or stands amid Latin
    words and has no others.

    Blanks stay where they are. Text in Cyrillic, Greek and other alphabets stays as it is.
    """
    reading = Reading(original)
    if original.isascii():
        data = original.encode()
        if len(data.translate(None, _CONTROLS)) == len(data):
            # Most texts have none, which this sees ten times as fast.
            return reading
        return reading.replaced((m.start(), m.end(), "") for m in _CONTROL.finditer(original))
    special = _beyond_ascii(original)
    odd = ODD.intersection(special)
    if odd:
        reading = _plain(original, {character: AS_READ[ord(character)] for character in odd})
        special = _beyond_ascii(reading.text)
    if not MARK_CHARACTERS.isdisjoint(special):
        reading = reading.replaced(_without_marks(reading.text))
        special = _beyond_ascii(reading.text)
    if LETTER_LIKES.isdisjoint(special) or not (LATIN_LETTER.search(reading.text) or _all_alone(special)):
        return reading
    return reading.replaced(_look_alikes(reading.text))


def _beyond_ascii(text: str) -> set[str]:
    """The characters that are not plain ASCII: few in most texts, and found by one pass over their bytes."""
    data = text.encode(errors="surrogatepass")
    return set(data.translate(None, _PLAIN_ASCII).decode(errors="surrogatepass"))


def in_small_letters(text: str) -> str:
    """The text in small letters and with plain blanks, character for character."""
    small = text.lower()
    return with_plain_blanks(small if len(small) == len(text) else "".join(_small(char) for char in text))


def with_plain_blanks(text: str) -> str:
    """The text with a plain blank for each other one."""
    # Most texts have none of them, which this sees far sooner than a table of characters would.
    for blank in _ASCII_BLANKS if text.isascii() else _BLANKS:
        text = text.replace(blank, " ")
    return text


def _small(char: str) -> str:
    small = char.lower()
    return small if len(small) == 1 else char


def _plain(original: str, plain: dict[str, str]) -> Reading:
    """The text with other characters for those that are not to be read as they stand."""
    for character, instead in plain.items():
        if len(instead) == 1:
            original = original.replace(character, instead)
    reading = Reading(original)
    if all(len(instead) == 1 for instead in plain.values()):
        return reading
    return reading.replaced(
        (m.start(), m.end(), plain[m[0]]) for m in NOT_AS_IT_STANDS.finditer(original) if m[0] in plain
    )


def _without_marks(text: str) -> Iterator[tuple[int, int, str]]:
    """Letters with marks, and what they are: with their accents if there is such a letter, else bare."""
    for marks in MARKS.finditer(text):
        start, end = marks.span()
        letter = text[start - 1 : start]
        if not letter.isalpha():
            yield start, end, ""
            continue
        accented = unicodedata.normalize("NFC", text[start - 1 : end]) if end - start <= 3 else ""
        yield start - 1, end, accented if len(accented) == 1 else letter


def _look_alikes(text: str) -> Iterator[tuple[int, int, str]]:
    """Words that pass for Latin ones, and as what."""
    disguised: list[re.Match[str]] = []
    amid_other = False
    for found in _WORDS.finditer(text):
        kind = _alphabet(found["word"]) if found["word"] else "latin" if LATIN_LETTER.search(found[0]) else ""
        if kind == "look-alike":
            disguised.append(found)
            continue
        if not kind:
            continue
        if not (amid_other or kind == "other"):
            yield from _read_as_latin(disguised)
        disguised.clear()
        amid_other = kind == "other"
        if kind == "mixed":
            yield from _read_as_latin([found])
    if not amid_other:
        yield from _read_as_latin(disguised)


def _read_as_latin(words: Iterable[re.Match[str]]) -> Iterator[tuple[int, int, str]]:
    for word in words:
        yield *word.span("word"), word["word"].translate(AS_LETTERS)


def _all_alone(characters: set[str]) -> bool:
    return all(character in ALONE for character in characters if character.isalpha())


def _alphabet(word: str) -> str:
    """``latin``; ``other``; ``mixed`` where look-alikes stand beside Latin letters; ``look-alike``: none but those."""
    if word.isascii():
        return "latin"
    letters = set(word)
    if LETTER_LIKES.isdisjoint(letters):
        return "latin" if word[0] < "\u0250" else "other"
    if LATIN_LETTER.search(word):
        return "mixed"
    return "look-alike" if len(word) > 1 and letters <= ALONE else "other"
