"""Places in a JSON value: ``$.items[*].price``, ``$..id``, ``$['a b'][-1]``. Filters and slices are not part of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from guardrails.engine.invariants.signatures import MAX_FOUND, EvaluationFailed

_STEP: Final = re.compile(
    r"(?P<deep>\.\.)?(?:(?(deep)|\.)(?:(?P<name>[^\W\d][\w-]*)|(?P<every>\*))"
    r"|\[\s*(?:(?P<index>-?\d+)|(?P<all>\*)|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\")\s*\])"
)
MAX_STEPS: Final = 32
MAX_WALKED: Final = 50_000
"""Values that are passed on the way."""
Step = tuple[bool, str | int | None]
"""Whether at any depth, and the name, the number, or None for every one."""


@lru_cache(maxsize=256)
def steps_of(path: str) -> tuple[Step, ...]:
    """The path in steps.

    Raises:
        ValueError: it is none.
    """
    if not path.startswith("$"):
        raise ValueError("a JSON path begins with '$', such as '$.items[*].price'")
    found: list[Step] = []
    place = 1
    while place < len(path):
        match = _STEP.match(path, place)
        if match is None or len(found) == MAX_STEPS:
            raise ValueError(f"the JSON path cannot be read from its character {place + 1} on")
        found.append((match["deep"] is not None, _wanted(match)))
        place = match.end()
    return tuple(found)


def _wanted(match: re.Match[str]) -> str | int | None:
    if match["every"] or match["all"]:
        return None
    if match["index"] is not None:
        return int(match["index"])
    return next(match[name] for name in ("name", "single", "double") if match[name] is not None)


def at_path(value: Any, path: str) -> list[Any]:
    """What stands there, in order; nothing where there is no such place.

    Raises:
        EvaluationFailed: the path is none.
    """
    try:
        steps = steps_of(path)
    except ValueError as error:
        raise EvaluationFailed(str(error)) from None
    found, left = [value], MAX_WALKED
    for deep, wanted in steps:
        reached = (inside for one in found for inside in (_within(one) if deep else (one,)))
        found = []
        for one in reached:
            found.extend(_chosen(one, wanted))
            left -= 1
            if left < 0:
                raise EvaluationFailed("a JSON path leads through too much")
            if len(found) > MAX_FOUND:
                raise EvaluationFailed(f"a JSON path leads to more than {MAX_FOUND:,} places")
    return found


def _chosen(value: Any, wanted: str | int | None) -> Iterator[Any]:
    if isinstance(value, dict):
        if wanted is None:
            yield from value.values()
        elif isinstance(wanted, str) and wanted in value:
            yield value[wanted]
    elif isinstance(value, list | tuple):
        if wanted is None:
            yield from value
        elif isinstance(wanted, int) and -len(value) <= wanted < len(value):
            yield value[wanted]


def _within(value: Any) -> Iterator[Any]:
    """The value and everything in it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, dict):
            waiting.extend(reversed(one.values()))
        elif isinstance(one, list | tuple):
            waiting.extend(reversed(one))
