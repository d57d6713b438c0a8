"""Which families of phrases can be in a text at all, by one quick pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from guardrails.engine.detectors.injection.families import Family
from guardrails.engine.detectors.triggers import Triggers


class Needs:
    """What the phrases of families cannot do without, looked for all at once."""

    def __init__(self, families: Sequence[Family]) -> None:
        expressions = list(dict.fromkeys(one for family in families for one in family.needs))
        self._of = [_bits(map(expressions.index, family.needs)) for family in families]
        # What the pass cannot read it cannot rule out.
        self._in_any_script = [index for index, family in enumerate(families) if not family.pattern.isascii()]
        self._triggers = Triggers(expressions, once=range(len(expressions)))

    def met(self, text: str) -> Iterator[int]:
        """The families, by their positions, that are worth a closer look."""
        there = _bits(self._triggers.scan(text))
        beyond = self._in_any_script if not text.isascii() else ()
        for index, needed in enumerate(self._of):
            if needed & there == needed or index in beyond:
                yield index


def _bits(positions: Iterable[int]) -> int:
    """A number with these bits set: sets of a few small numbers, compared in one step."""
    return sum(1 << position for position in set(positions))
