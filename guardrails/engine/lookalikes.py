"""Characters that pass for others: what a reader takes them for."""

from __future__ import annotations

import re
import unicodedata

_CYRILLIC = {
    "a": 0x430, "e": 0x435, "o": 0x43E, "p": 0x440, "c": 0x441, "y": 0x443, "x": 0x445, "s": 0x455, "i": 0x456,
    "j": 0x458, "h": 0x4BB, "d": 0x501, "q": 0x51B, "w": 0x51D, "l": 0x4CF, "v": 0x475, "A": 0x410, "B": 0x412,
    "E": 0x415, "K": 0x41A, "M": 0x41C, "H": 0x41D, "O": 0x41E, "P": 0x420, "C": 0x421, "T": 0x422, "X": 0x425,
    "Y": 0x4AE, "S": 0x405, "I": 0x406, "J": 0x408, "G": 0x50C, "Q": 0x51A, "W": 0x51C, "V": 0x474,
}  # fmt: skip
_CYRILLIC_SMALL_CAPITALS = {"k": 0x43A, "m": 0x43C, "t": 0x442, "b": 0x432, "r": 0x433, "u": 0x438, "n": 0x43F}
_GREEK = {
    "a": 0x3B1, "o": 0x3BF, "v": 0x3BD, "p": 0x3C1, "i": 0x3B9, "u": 0x3C5, "y": 0x3B3, "x": 0x3C7, "k": 0x3BA,
    "n": 0x3B7, "t": 0x3C4, "w": 0x3C9, "e": 0x3B5, "A": 0x391, "B": 0x392, "E": 0x395, "Z": 0x396, "H": 0x397,
    "I": 0x399, "K": 0x39A, "M": 0x39C, "N": 0x39D, "O": 0x39F, "P": 0x3A1, "T": 0x3A4, "Y": 0x3A5, "X": 0x3A7,
}  # fmt: skip
_ARMENIAN = {"o": 0x585, "u": 0x57D, "n": 0x578, "h": 0x570, "g": 0x581, "q": 0x566, "O": 0x555, "U": 0x54D, "S": 0x54F}
_LATIN = {
    "a": 0x1D00, "b": 0x299, "c": 0x1D04, "d": 0x1D05, "e": 0x1D07, "f": 0xA730, "g": 0x262, "h": 0x29C, "i": 0x26A,
    "j": 0x1D0A, "k": 0x1D0B, "l": 0x29F, "m": 0x1D0D, "n": 0x274, "o": 0x1D0F, "p": 0x1D18, "q": 0x1EB, "r": 0x280,
    "s": 0xA731, "t": 0x1D1B, "u": 0x1D1C, "v": 0x1D20, "w": 0x1D21, "y": 0x28F, "z": 0x1D22,
}  # fmt: skip
_PHONETIC = {"a": 0x251, "g": 0x261, "b": 0x253, "d": 0x257, "t": 0x1AD}
_BOXED_FROM = (0x1F150, 0x1F170, 0x1F1E6)
"""Where the white-on-black circled, the white-on-black squared and the flags' letters begin, A to Z each."""

AS_LETTERS: dict[int, str] = {
    code: letter
    for table in (_CYRILLIC, _CYRILLIC_SMALL_CAPITALS, _GREEK, _ARMENIAN, _LATIN, _PHONETIC)
    for letter, code in table.items()
}
"""Letters that a reader takes for a Latin one, by code point."""

ALONE = frozenset(chr(code) for table in (_CYRILLIC, _GREEK, _ARMENIAN, _LATIN) for code in table.values())
"""Those that do so even in a word that has none but such; the others only beside Latin letters."""


def _invisible(character: str) -> bool:
    category = unicodedata.category(character)
    return (
        category in {"Cf", "Cs"}
        or (category == "Cc" and character not in "\t\n\r\x0b\x0c\x85")
        or "\ufe00" <= character <= "\ufe0f"
        or character in "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800"
    )


def _plain(character: str) -> str:
    """What stands for the character: nothing for an invisible one, else letters and figures of ordinary width."""
    if _invisible(character):
        return ""
    plain = unicodedata.normalize("NFKC", character)
    if plain == character or (plain != " " and plain[0] == " "):
        return character
    return plain


def _table() -> dict[int, str]:
    """Of every character that is not to be read as it stands, but for ideographs and Hangul, what to read."""
    ranges = ((0x0, 0x3400), (0xA640, 0xAC00), (0xFB00, 0x10000), (0x1D400, 0x1D800), (0x1F100, 0x1F200))
    table = {
        code: plain
        for start, end in ranges
        for code in range(start, end)
        if not 0x3130 <= code < 0x3190 and (plain := _plain(chr(code))) != chr(code)
    }
    table.update(dict.fromkeys((*range(0xD800, 0xE000), *range(0xE0000, 0xE0200)), ""))
    table.update({start + index: chr(0x41 + index) for start in _BOXED_FROM for index in range(26)})
    table.update({0x3164: "", 0x2044: "/", 0x2019: "'", 0x2018: "'", 0x201C: '"', 0x201D: '"', 0x2212: "-"})
    table.update(dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2043), "-"))
    return table


def _class_of(codes: list[int], beyond: str) -> str:
    """A regular expression's class of the code points, neighbours as ranges, and of those in ``beyond``."""
    ranges: list[list[int]] = []
    for code in sorted(codes):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "[" + "".join(rf"\U{first:08x}-\U{last:08x}" for first, last in ranges) + beyond + "]"


AS_READ = _table()
"""For characters of odd width, style or none at all, by code point: what they are read as."""

NOT_AS_IT_STANDS = re.compile(_class_of([code for code in AS_READ if code < 0x10000], r"\U00010000-\U0010ffff"))
"""Finds the characters of ``AS_READ``, and beyond the first plane all others as well: one range is tested quickly."""
ODD = frozenset(map(chr, AS_READ))
MARK_CODES = (
    (0x300, 0x36F), (0x483, 0x489), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F),
)  # fmt: skip
MARKS = re.compile("[" + "".join(rf"\u{first:04x}-\u{last:04x}" for first, last in MARK_CODES) + "]+")
"""Marks upon a letter, beneath it and through it."""
MARK_CHARACTERS = frozenset(chr(code) for first, last in MARK_CODES for code in range(first, last + 1))
LETTER_LIKES = frozenset(map(chr, AS_LETTERS))
