"""Placeholders for what a provider is not to see, and the way back in its answer."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

_PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]*_[1-9][0-9]*\]")
_encode = msgspec.json.Encoder().encode


class Masking:
    """The placeholders of one call: the same value has the same one throughout."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        """``taken`` are texts whose own brackets are not to be mistaken for placeholders."""
        self._taken = frozenset(match for text in taken if "[" in text for match in _PLACEHOLDER.findall(text))
        self._placeholders: dict[tuple[str, str], str] = {}
        self._originals: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._longest = 0

    def __bool__(self) -> bool:
        return bool(self._originals)

    def placeholder(self, entity: str, value: str) -> str:
        """What stands for ``value``, such as ``[EMAIL_ADDRESS_1]``."""
        known = self._placeholders.get((entity, value))
        if known is not None:
            return known
        number = self._numbers.get(entity, 0) + 1
        while (made := f"[{entity}_{number}]") in self._taken:
            number += 1
        self._numbers[entity] = number
        self._placeholders[entity, value] = made
        self._originals[made] = value
        self._longest = max(self._longest, len(made))
        return made

    def restored(self, text: str, *, in_json: bool = False) -> str:
        """The text with the values back; ``in_json``: written as within the quotes of a JSON text."""
        if not self._originals or "[" not in text:
            return text
        return _PLACEHOLDER.sub(lambda match: self._original(match[0], in_json), text)

    def concealed(self, text: str) -> str:
        """The text with the values away: what :meth:`restored` undoes, for who is not the caller."""
        for made, value in sorted(self._originals.items(), key=lambda pair: -len(pair[1])):
            text = text.replace(value, made)
        return text

    def unfinished(self, text: str) -> int:
        """Where a placeholder begins of which the end of ``text`` is only a part; its length, if there is none."""
        begins = text.rfind("[", max(0, len(text) - self._longest + 1))
        if begins < 0:
            return len(text)
        tail = text[begins:]
        return begins if any(made.startswith(tail) for made in self._originals) else len(text)

    def _original(self, placeholder: str, in_json: bool) -> str:
        value = self._originals.get(placeholder)
        if value is None:
            return placeholder
        return _encode(value).decode()[1:-1] if in_json else value


class Restoring:
    """Puts values back into a text that comes piece by piece."""

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be said by now."""
        text = self._held + piece
        until = self._masking.unfinished(text)
        self._held = text[until:]
        return self._masking.restored(text[:until])

    def finish(self) -> str:
        """The rest."""
        rest, self._held = self._held, ""
        return self._masking.restored(rest)
