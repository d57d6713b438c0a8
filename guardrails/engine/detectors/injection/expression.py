"""An expression of phrases, matched in time that grows with the text's length alone (RE2)."""

from __future__ import annotations

from collections.abc import Iterator

import re2


class Expression:
    """Case does not matter to it."""

    def __init__(self, pattern: str) -> None:
        self._of_text = re2.compile(f"(?i){pattern}")
        # In bytes, places need not be counted in characters; of ASCII they are the same.
        self._of_bytes = re2.compile(f"(?i){pattern}".encode()) if pattern.isascii() else None

    def spans(self, text: str, data: bytes) -> Iterator[tuple[int, int]]:
        """Where it matches in the text, which ``data`` is in UTF-8: characters."""
        if self._of_bytes is not None and len(data) == len(text):
            matches = self._of_bytes.finditer(data)
        else:
            matches = self._of_text.finditer(text)
        for match in matches:
            yield match.span()
