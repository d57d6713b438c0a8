"""Answers in another language than wanted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from contracts.guardrails import Finding
from guardrails.engine.text import Text

SAMPLE = 1_000
"""Characters that are looked at; more do not make the verdict surer."""


class LanguageOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which languages are wanted.

    Raises:
        ValueError: none is named, or not by a code of two letters.
    """

    allowed: tuple[str, ...]
    """ISO 639-1 codes, such as ``en``."""
    min_characters: int = 40
    """Shorter texts are in no language."""

    def __post_init__(self) -> None:
        if not self.allowed:
            raise ValueError("At least one language is needed.")
        for code in self.allowed:
            if len(code) != 2 or not (code.isascii() and code.isalpha() and code.islower()):
                raise ValueError(f"{code!r} is no ISO 639-1 code of two small letters.")


class Language:
    """Finds texts that are, as a whole, in another language."""

    window: int | None = None

    def __init__(self, options: LanguageOptions) -> None:
        # Its model takes a second to load: only where a rule needs it, and not while a call waits for its answer.
        import py3langid

        self._classify = py3langid.classify
        self._classify("a")
        self._options = options

    def find(self, text: Text) -> Sequence[Finding]:
        """The whole text, or nothing."""
        letters = sum(map(str.isalpha, text.original[:SAMPLE]))
        if letters < self._options.min_characters:
            return ()
        code, _ = self._classify(text.original[:SAMPLE])
        if code in self._options.allowed:
            return ()
        return (Finding(0, len(text.original), "LANGUAGE", evidence=f"seems to be {code!r}"),)
