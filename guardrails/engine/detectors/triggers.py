"""One pass over a text that says where each of many expressions matches.

Hyperscan runs all of them at once, in time that grows with the text's length alone. It reads bytes: the text is handed
to it with one byte a character, so that what it tells are offsets of characters.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import hyperscan

Spots = list[tuple[int, int]]
"""Where an expression matched, in order of the ends; of one beginning there may be several ends."""

_EVERYWHERE: Final = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SOM_LEFTMOST | hyperscan.HS_FLAG_DOTALL
_ONCE: Final = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL


class Triggers:
    """Expressions in Hyperscan's syntax, of characters up to U+00FF (others are a ``?``); case does not matter."""

    def __init__(self, expressions: Sequence[str], *, once: Collection[int] = ()) -> None:
        """
        Args:
            expressions: what to look for.
            once: positions of those of which it is enough to know that they match; their spot is (0, 0).
        """
        self._database = hyperscan.Database()
        self._count = len(expressions)
        self._once = frozenset(once)
        self._scratch = threading.local()
        if expressions:
            self._database.compile(
                expressions=[one.encode("latin-1", "replace") for one in expressions],
                ids=list(range(self._count)),
                elements=self._count,
                flags=[_ONCE if which in once else _EVERYWHERE for which in range(self._count)],
            )

    def scan(self, text: str) -> dict[int, Spots]:
        """The expressions, by their positions, that match somewhere, and where."""
        if not self._count:
            return {}
        found: dict[int, Spots] = {}
        once = self._once

        def matched(which: int, start: int, end: int, flags: int, context: Any) -> None:
            if which in once:
                start = end = 0
            spots = found.get(which)
            if spots is None:
                found[which] = [(start, end)]
            else:
                spots.append((start, end))

        self._database.scan(text.encode("latin-1", "replace"), match_event_handler=matched, scratch=self._own_scratch())
        return found

    def _own_scratch(self) -> Any:
        """A thread's own working memory: two scans at once may not share it."""
        scratch = getattr(self._scratch, "value", None)
        if scratch is None:
            scratch = self._scratch.value = hyperscan.Scratch(self._database)
        return scratch


def around(spots: Spots, before: int, after: int, length: int) -> Spots:
    """The spots with so many characters on each side, joined where they touch, within a text of ``length``."""
    windows: Spots = []
    start = end = -1
    for low, high in sorted(spots):
        if end >= 0 and low - before <= end:
            end = max(end, high + after)
            continue
        if end >= 0:
            windows.append((start, min(end, length)))
        start, end = max(0, low - before), high + after
    if end >= 0:
        windows.append((start, min(end, length)))
    return windows


def within(pattern: re.Pattern[str], text: str, windows: Spots) -> Iterator[re.Match[str]]:
    """The expression's matches in the windows; what it looks behind at may lie before one."""
    for start, end in windows:
        yield from pattern.finditer(text, start, end)
