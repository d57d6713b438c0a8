"""Sentences made from templates with slots."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

Template = tuple[str, str]
"""The sentence, with slots in braces, and what kind it is."""
Slots = Mapping[str, tuple[str, ...]]
"""What slots are filled with; that may have slots again."""


def _fill(template: str, slots: Slots, chance: random.Random) -> str:
    while (start := template.find("{")) >= 0:
        end = template.index("}", start)
        template = template[:start] + chance.choice(slots[template[start + 1 : end]]) + template[end + 1 :]
    return template.replace(" .", ".")


def _varied(text: str, chance: random.Random) -> str:
    """The text as somebody else types it."""
    kind = chance.random()
    if kind < 0.15:
        return text.lower()
    if kind < 0.2:
        return text.upper()
    if kind < 0.3 and len(text) > 8:
        place = chance.randrange(len(text) - 2)
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text


def made(templates: Sequence[Template], slots: Slots, each: int, chance: random.Random) -> list[str]:
    """So many sentences from each of the templates, some with slips of the pen; none twice."""
    texts = dict.fromkeys(
        _varied(_fill(template, slots, chance), chance) for template, _ in templates for _ in range(each)
    )
    return list(texts)
