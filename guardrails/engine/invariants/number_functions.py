"""Functions about numbers and money."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from guardrails.engine.invariants.operators import whole
from guardrails.engine.invariants.reading import Amount, amounts, numbers
from guardrails.engine.invariants.signatures import (
    EvaluationFailed,
    Function,
    signature,
)
from guardrails.engine.invariants.types import (
    BOOL,
    DOUBLE,
    INT,
    STRING,
    declared,
    list_of,
)

_FAMILY: Final = "Numbers and money"
_AMOUNT: Final = declared(Amount)


def _all_numbers(values: Sequence[Any]) -> Sequence[Any]:
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        raise EvaluationFailed("only numbers can be compared and summed up")
    return values


def _sum(values: Sequence[Any]) -> Any:
    total = sum(_all_numbers(values))
    return whole(total) if isinstance(total, int) else total


def _extreme(choose: Callable[..., Any], values: Sequence[Any]) -> Any:
    if not values:
        raise EvaluationFailed("an empty list has no smallest and no largest number")
    return choose(_all_numbers(values))


def _round(value: float, digits: int = 0) -> float:
    """Halves away from zero, as people round."""
    if not math.isfinite(value) or not 0 <= digits <= 12:
        return value
    scale = 10.0**digits
    return math.copysign(math.floor(abs(value) * scale + 0.5) / scale, value)


FUNCTIONS: Final = (
    Function(
        "numbers",
        "Every number in the text, as 1,234.50 or 1.234,50; not digits within words.",
        (signature(STRING, gives=list_of(DOUBLE), run=numbers),),
        _FAMILY,
        reads=True,
        example="numbers(response.text).all(n, n in numbers(retrieval.text))",
    ),
    Function(
        "amounts",
        "Every amount of money in the text, with value and currency.",
        (signature(STRING, gives=list_of(_AMOUNT), run=amounts),),
        _FAMILY,
        reads=True,
        example="amounts(response.text).all(a, a in amounts(retrieval.text))",
    ),
    Function(
        "isClose",
        "Whether two numbers are no further apart than the third.",
        (signature(DOUBLE, DOUBLE, DOUBLE, gives=BOOL, run=lambda a, b, by: abs(a - b) <= by),),
        _FAMILY,
        example="isClose(usage.cost_usd, 0.01, 0.005)",
    ),
    Function(
        "sum",
        "The sum of a list; 0 of an empty one.",
        (
            signature(list_of(INT), gives=INT, run=_sum),
            signature(list_of(DOUBLE), gives=DOUBLE, run=lambda a: float(_sum(a))),
        ),
        _FAMILY,
    ),
    Function(
        "min",
        "The smallest of a list.",
        (
            signature(list_of(INT), gives=INT, run=lambda a: _extreme(min, a)),
            signature(list_of(DOUBLE), gives=DOUBLE, run=lambda a: _extreme(min, a)),
        ),
        _FAMILY,
    ),
    Function(
        "max",
        "The largest of a list.",
        (
            signature(list_of(INT), gives=INT, run=lambda a: _extreme(max, a)),
            signature(list_of(DOUBLE), gives=DOUBLE, run=lambda a: _extreme(max, a)),
        ),
        _FAMILY,
        example="max(numbers(response.text)) <= 100.0",
    ),
    Function(
        "math.abs",
        "Without its sign.",
        (
            signature(INT, gives=INT, run=lambda a: whole(abs(a))),
            signature(DOUBLE, gives=DOUBLE, run=abs),
        ),
        _FAMILY,
    ),
    Function(
        "math.round",
        "Rounded to whole numbers, or to so many decimals.",
        (
            signature(DOUBLE, gives=DOUBLE, run=_round),
            signature(DOUBLE, INT, gives=DOUBLE, run=_round),
        ),
        _FAMILY,
    ),
    Function(
        "math.floor",
        "The next lower whole number.",
        (signature(DOUBLE, gives=DOUBLE, run=lambda a: float(math.floor(a)) if math.isfinite(a) else a),),
        _FAMILY,
    ),
    Function(
        "math.ceil",
        "The next higher whole number.",
        (signature(DOUBLE, gives=DOUBLE, run=lambda a: float(math.ceil(a)) if math.isfinite(a) else a),),
        _FAMILY,
    ),
    Function(
        "math.greatest",
        "The largest of its arguments.",
        (
            signature(INT, gives=INT, run=lambda *a: _extreme(max, a), last_repeats=True),
            signature(DOUBLE, gives=DOUBLE, run=lambda *a: _extreme(max, a), last_repeats=True),
        ),
        _FAMILY,
    ),
    Function(
        "math.least",
        "The smallest of its arguments.",
        (
            signature(INT, gives=INT, run=lambda *a: _extreme(min, a), last_repeats=True),
            signature(DOUBLE, gives=DOUBLE, run=lambda *a: _extreme(min, a), last_repeats=True),
        ),
        _FAMILY,
    ),
)
