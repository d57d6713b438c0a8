"""A text that is looked at, and the readings of it that are worth looking at as well."""

from __future__ import annotations

from functools import cached_property

from guardrails.engine.decoding import decoded_readings
from guardrails.engine.folding import Reading, folded


class Text:
    """What several detectors look at: each reading is made once, when the first of them asks for it."""

    seam: bool = False
    """Whether it is no text of the call but the ends of several, joined."""

    def __init__(self, original: str) -> None:
        self.original = original

    @cached_property
    def folded(self) -> Reading:
        """As a reader sees it: no invisible characters, look-alikes as the letters they look like, one width."""
        return folded(self.original)

    @cached_property
    def decoded(self) -> tuple[Reading, ...]:
        """What it says in disguise: base64, hexadecimal, rot13, figures for letters, letters set apart ..."""
        return decoded_readings(self.folded)
