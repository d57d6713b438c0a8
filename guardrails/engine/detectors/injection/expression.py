"""An expression of phrases, matched in time that grows with the text's length alone (RE2)."""

from __future__ import annotations

from collections.abc import Iterator

import re2

_OPTIONS = re2.Options()
_OPTIONS.max_mem = 4 << 20
"""Bytes that an expression may take: its automaton is made as texts need it, and with the usual 8 MB for each, all of
them were a twentieth of a worker. With 2 MB the longest find no room and are matched slowly."""


class Expression:
    """Case does not matter to it."""

    def __init__(self, pattern: str) -> None:
        self._of_text = re2.compile(f"(?i){pattern}", _OPTIONS)
        # In bytes, places need not be counted in characters; of ASCII they are the same.
        self._of_bytes = re2.compile(f"(?i){pattern}".encode(), _OPTIONS) if pattern.isascii() else None

    def spans(self, text: str, data: bytes) -> Iterator[tuple[int, int]]:
        """Where it matches in the text, which ``data`` is in UTF-8: characters."""
        if self._of_bytes is not None and len(data) == len(text):
            matches = self._of_bytes.finditer(data)
        else:
            matches = self._of_text.finditer(text)
        for match in matches:
            yield match.span()
