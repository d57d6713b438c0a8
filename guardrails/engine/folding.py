"""Readings of a text, with the way back to where each character stands in the original."""

from __future__ import annotations

import re
import string
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
    MARKS,
    NOT_AS_IT_STANDS,
    ODD,
)

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_CONTROLS = bytes(code for code in range(128) if _CONTROL.match(chr(code)))
_WORD = re.compile(r"[^\W\d_]+(?:[\d_]*[^\W\d_])*")
_ASCII_LETTERS = frozenset(string.ascii_letters)


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
        places = array("q")
        done = 0
        for start, end, instead in pieces:
            places.extend(range(done, start) if old is None else old[done:start])
            places.extend([start if old is None else old[start]] * len(instead))
            done = end
        places.extend(range(done, len(self.text) + 1) if old is None else old[done:])
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
    odd = ODD.intersection(set(original))
    if odd:
        reading = _plain(original, {character: AS_READ[ord(character)] for character in odd})
    reading = reading.replaced(_without_marks(reading.text))
    letters = set(reading.text)
    if LETTER_LIKES.isdisjoint(letters) or (_ASCII_LETTERS.isdisjoint(letters) and not _all_alone(letters)):
        return reading
    return reading.replaced(_look_alikes(reading.text))


def in_small_letters(text: str) -> str:
    """The text in small letters and with plain blanks, character for character."""
    small = text.lower()
    return with_plain_blanks(small if len(small) == len(text) else "".join(_small(char) for char in text))


def with_plain_blanks(text: str) -> str:
    """The text with a plain blank for each other one."""
    if text.isascii():
        # Most texts have none of them, which this sees far sooner than a table of characters would.
        for blank in "\n\t\r\x0b\x0c":
            text = text.replace(blank, " ")
        return text
    return "".join(" " if char.isspace() else char for char in text)


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
    for word in _WORD.finditer(text):
        kind = _alphabet(word[0])
        if kind == "look-alike":
            disguised.append(word)
            continue
        if not (amid_other or kind == "other"):
            yield from _read_as_latin(disguised)
        disguised.clear()
        amid_other = kind == "other"
        if kind == "mixed":
            yield from _read_as_latin([word])
    if not amid_other:
        yield from _read_as_latin(disguised)


def _read_as_latin(words: Iterable[re.Match[str]]) -> Iterator[tuple[int, int, str]]:
    for word in words:
        yield word.start(), word.end(), word[0].translate(AS_LETTERS)


def _all_alone(characters: set[str]) -> bool:
    return all(character in ALONE for character in characters if character.isalpha())


def _alphabet(word: str) -> str:
    """``latin``; ``other``; ``mixed`` where look-alikes stand beside Latin letters; ``look-alike``: none but those."""
    if word.isascii():
        return "latin"
    letters = set(word)
    if LETTER_LIKES.isdisjoint(letters):
        return "latin" if word[0] < "\u0250" else "other"
    if not _ASCII_LETTERS.isdisjoint(letters):
        return "mixed"
    return "look-alike" if len(word) > 1 and letters <= ALONE else "other"
