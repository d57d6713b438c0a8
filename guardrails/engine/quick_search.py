"""Expressions that are looked for from a sign that all of their matches have: ordinary text has few of those.

Each function finds what its expression's ``finditer`` does, in a tenth to a third of the time.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Final

BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}(?:\r?\n[A-Za-z0-9+/_-]{2,})*={0,2}")
BASE32: Final = re.compile(r"\b[A-Z2-7]{16,}={0,6}")
LEET: Final = re.compile(
    r"(?<![\w.@/=+\-])(?:[A-Za-z]+(?:[013457@$]|!(?=[A-Za-z]))|[013457@$][A-Za-z])[A-Za-z013457@$]*"
    r"(?![\w@/=+\-]|\.\w)"
)
"""A word with figures for letters."""
APART: Final = re.compile(r"(?<!\w)[A-Za-z0-9@$!](?:[ .\-_*|,/+~]{1,3}[A-Za-z0-9@$!](?![A-Za-z0-9])){4,}")
"""Letters, each by itself."""

_LEAST_RUN: Final = 16
_FIGURE: Final = re.compile(r"[013457@$!](?:(?<=[A-Za-z].)|(?=[A-Za-z]))")
_GAP: Final = re.compile(r"[ .\-_*|,/+~](?=[A-Za-z0-9@$!][ .\-_*|,/+~]{1,3}[A-Za-z0-9@$!](?![A-Za-z0-9]))")
_LONGEST_GAP: Final = 3


def _seen_as(characters: str) -> bytes:
    """A table that shows which bytes are among the characters."""
    return bytes(0x78 if chr(code) in characters else 0x20 for code in range(256))


_BASE64_SEEN: Final = _seen_as(string.ascii_letters + string.digits + "+/_-")
_BASE32_SEEN: Final = _seen_as(string.ascii_uppercase + "234567")


def base64_words(text: str) -> Iterator[re.Match[str]]:
    """What ``BASE64`` finds."""
    return _from_runs(text, _BASE64_SEEN, BASE64)


def base32_words(text: str) -> Iterator[re.Match[str]]:
    """What ``BASE32`` finds."""
    return _from_runs(text, _BASE32_SEEN, BASE32)


def leet_words(text: str) -> Iterator[re.Match[str]]:
    """What ``LEET`` finds, from each figure beside a letter."""
    done = 0
    for figure in _FIGURE.finditer(text):
        start = figure.start()
        if start < done:
            continue
        while start > done and text[start - 1] in string.ascii_letters:
            start -= 1
        if word := LEET.match(text, start):
            yield word
            done = word.end()


def letters_apart(text: str) -> Iterator[re.Match[str]]:
    """What ``APART`` finds, from each gap before a letter by itself."""
    done = 0
    for gap in _GAP.finditer(text):
        end = gap.start()
        for start in range(max(done, end - _LONGEST_GAP), end):
            if run := APART.match(text, start):
                yield run
                done = run.end()
                break


def _from_runs(text: str, seen_as: bytes, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Every match begins with a run, and none inside of one."""
    seen = text.encode("latin-1", "replace").translate(seen_as)
    wanted = b"x" * _LEAST_RUN
    start = seen.find(wanted)
    while start >= 0:
        match = pattern.match(text, start)
        if match is not None:
            yield match
            end = match.end()
        else:
            end = seen.find(b" ", start)
        start = seen.find(wanted, end) if end >= 0 else -1
