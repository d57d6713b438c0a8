"""A text that is looked at, and the readings of it that are worth looking at as well."""

from __future__ import annotations

from guardrails.engine.decoding import decoded_readings
from guardrails.engine.folding import Reading, folded, in_small_letters


class Text:
    """What several detectors look at: each reading is made once, when the first of them asks for it.

    Not with ``cached_property``, whose lock (until Python 3.12) costs as much as looking at a short text.
    """

    __slots__ = ("_decoded", "_folded", "_small", "original", "seam")

    def __init__(self, original: str) -> None:
        self.original = original
        self.seam = False
        """Whether it is no text of the call but the ends of several, joined."""
        self._folded: Reading | None = None
        self._small: str | None = None
        self._decoded: tuple[Reading, ...] | None = None

    @property
    def folded(self) -> Reading:
        """As a reader sees it: no invisible characters, look-alikes as the letters they look like, one width."""
        if self._folded is None:
            self._folded = folded(self.original)
        return self._folded

    @property
    def small(self) -> str:
        """The folded text in small letters and with plain blanks, character for character."""
        if self._small is None:
            self._small = in_small_letters(self.folded.text)
        return self._small

    @property
    def decoded(self) -> tuple[Reading, ...]:
        """What it says in disguise: base64, hexadecimal, rot13, figures for letters, letters set apart ..."""
        if self._decoded is None:
            self._decoded = decoded_readings(self.folded)
        return self._decoded
