"""Answers that are too long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from contracts.guardrails import Finding
from guardrails.engine.text import Text

CHARACTERS_PER_TOKEN = 4
"""OpenAI's rule of thumb for English; no tokenizer is asked."""


class LengthOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a text may be.

    Raises:
        ValueError: the limit is not positive.
    """

    limit: int
    unit: Literal["characters", "tokens"] = "characters"
    """Tokens are estimated: four characters each."""

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError("The limit is at least 1.")


class Length:
    """Finds what is beyond the limit."""

    window: int | None = 1
    from_start = True

    def __init__(self, options: LengthOptions) -> None:
        self._characters = options.limit * (CHARACTERS_PER_TOKEN if options.unit == "tokens" else 1)
        self._evidence = f"over {options.limit} {options.unit}"

    def find(self, text: Text) -> Sequence[Finding]:
        """The rest of the text, if it goes on."""
        length = len(text.original)
        if length <= self._characters:
            return ()
        return (Finding(self._characters, length, "TOO_LONG", evidence=self._evidence),)
