"""A text as the windows in which orders are looked for: single sentences, and a few in a row."""

from __future__ import annotations

import re
from typing import Final

_ENDS = re.compile(r"(?<=[.!?|:;])[\"')\]]*\s+|(?<=[\u3002\uff01\uff1f])|\s*\n\s*")
SHORT: Final = 24
"""Characters; what is shorter stands with what follows it."""
LONG: Final = 400
"""Characters; what is longer is cut."""
IN_A_ROW: Final = 4


def sentences(text: str) -> list[str]:
    """The sentences, lines and cells of a text; short ones with the next."""
    found: list[str] = []
    waiting = ""
    start = 0
    for end in [*(match.end() for match in _ENDS.finditer(text)), len(text)]:
        piece, start = text[start:end], end
        waiting += piece
        while len(waiting) > LONG:
            cut = waiting.rfind(" ", SHORT, LONG) + 1 or LONG
            found.append(waiting[:cut].strip())
            waiting = waiting[cut:]
        if len(waiting.strip()) >= SHORT:
            found.append(waiting.strip())
            waiting = ""
    if waiting.strip():
        found.append(waiting.strip())
    return [one for one in found if one]


def windows_of(text: str) -> list[str]:
    """Each sentence, and each few that follow each other, which overlap by half."""
    single = sentences(text)
    several = [
        " ".join(single[start : start + IN_A_ROW])
        for start in range(0, max(1, len(single) - IN_A_ROW // 2), IN_A_ROW // 2)
    ]
    return list(dict.fromkeys([*single, *(one for one in several if one)]))
