"""What is shown of a call that breaks an invariant: the values that its expression looked at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from guardrails.engine.invariants.checking import Checked, check
from guardrails.engine.invariants.evaluation import Frame, OutOfBounds, Run, compiled
from guardrails.engine.invariants.facts import SAYS_NOTHING, VARIABLES
from guardrails.engine.invariants.signatures import EvaluationFailed
from guardrails.engine.invariants.syntax import Logic, Loop, Node
from guardrails.engine.invariants.types import BOOL
from guardrails.engine.invariants.value_functions import text_of

MOST_FIELDS: Final = 8
"""Fields that are shown where a rule names no evidence."""
MOST_ITEMS: Final = 10
MOST_CHARACTERS: Final = 300
_DEEPEST: Final = 4


class Shown(msgspec.Struct, frozen=True):
    """One value."""

    name: str
    value: Any
    """As JSON, shortened; None where it could not be told."""
    says_text: bool
    """Whether it may hold something of what anybody wrote."""


class Evidence:
    """What to show: the expressions that a rule names, or else what its condition looks at."""

    def __init__(self, named: dict[str, str], condition: Checked) -> None:
        if named:
            checked = [(name, check(source, VARIABLES)) for name, source in named.items()]
        else:
            checked = [(path, check(path, VARIABLES)) for path in condition.paths[:MOST_FIELDS]]
        self._expressions = [(name, compiled(one), _says_text(one)) for name, one in checked]
        self._items = (
            [] if named else [(loop.variable, _first_broken(loop, condition)) for loop in _alls(condition.tree)]
        )

    def of(self, frame: Frame) -> tuple[Shown, ...]:
        """The values, of the frame in which the condition was found to be false."""
        found = [Shown(name, _told(run, frame), says) for name, run, says in self._expressions]
        for name, run in self._items:
            value = _told(run, frame)
            if value is not None:
                found.append(Shown(name, value, says_text=True))
        return tuple(found)


def _says_text(checked: Checked) -> bool:
    return checked.type != BOOL and not checked.variables <= SAYS_NOTHING


def _told(run: Run, frame: Frame) -> Any:
    try:
        return shown(run(frame))
    except (EvaluationFailed, OutOfBounds):
        return None


def _alls(tree: Node) -> Iterator[Loop]:
    """The loops of which an item can be what breaks the condition."""
    if isinstance(tree, Logic) and tree.both:
        for part in tree.parts:
            yield from _alls(part)
    elif isinstance(tree, Loop) and tree.macro == "all":
        yield tree


def _first_broken(loop: Loop, condition: Checked) -> Run:
    items = compiled(part_of(condition, loop.over))
    assert loop.test is not None
    test = compiled(part_of(condition, loop.test))

    def run(frame: Frame) -> Any:
        for item in items(frame):
            frame.names[loop.variable] = item
            if test(frame) is False:
                return item
        return None

    return run


def part_of(checked: Checked, tree: Node) -> Checked:
    """The same expression, of which only a part is meant."""
    return Checked(checked.source, tree, checked.type, checked.calls, checked.variables, checked.paths)


def shown(value: Any, depth: int = 0) -> Any:
    """The value as JSON, with long texts and lists cut."""
    if isinstance(value, str):
        return value if len(value) <= MOST_CHARACTERS else value[:MOST_CHARACTERS] + "…"
    if isinstance(value, dt.datetime | dt.timedelta):
        return text_of(value)
    if value is None or isinstance(value, bool | int | float):
        return value if not isinstance(value, float) or value - value == 0 else str(value)
    if depth == _DEEPEST:
        return "…"
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, dict):
        listed = list(value.items())
        made = {str(key): shown(one, depth + 1) for key, one in listed[:MOST_ITEMS]}
        return made if len(listed) <= MOST_ITEMS else made | {"…": f"{len(listed) - MOST_ITEMS} more"}
    items = [shown(one, depth + 1) for one in value[:MOST_ITEMS]]
    return items if len(value) <= MOST_ITEMS else [*items, f"… {len(value) - MOST_ITEMS} more"]
