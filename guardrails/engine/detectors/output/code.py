"""Program code in answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from contracts.guardrails import Finding
from guardrails.engine.text import Text

MAX_NAME = 32
"""Of a language."""
_FENCE = re.compile(r"(?m)^[ \t]{0,8}(?P<fence>```|~~~)[`~]*[ \t]?(?P<name>[\w+#.-]{0,32})[^\n]{0,32}$")


class CodeOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which code."""

    languages: tuple[str, ...] = ()
    """As named at the fence, such as ``bash``; empty: any, and blocks that name none."""


class Code:
    """Finds fenced blocks, from fence to fence."""

    window: int | None = MAX_NAME + 48
    from_start = True

    def __init__(self, options: CodeOptions) -> None:
        self._languages = frozenset(name.lower() for name in options.languages)

    def find(self, text: Text) -> Sequence[Finding]:
        """Each block; one that is never closed goes on to the end."""
        said = text.original
        return list(self._found(said)) if "```" in said or "~~~" in said else ()

    def _found(self, text: str) -> Iterator[Finding]:
        opened: re.Match[str] | None = None
        for match in _FENCE.finditer(text):
            if opened is None:
                opened = match
            elif match["fence"] == opened["fence"] and not match["name"]:
                yield from self._block(opened, match.end())
                opened = None
        if opened is not None:
            yield from self._block(opened, len(text))

    def _block(self, opened: re.Match[str], end: int) -> Iterator[Finding]:
        name = opened["name"].lower()
        if not self._languages or name in self._languages:
            yield Finding(opened.start(), end, "CODE", evidence=f"fenced as {name!r}" if name else "fenced")
