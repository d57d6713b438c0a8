"""What the signs of an expression do: arithmetic within 64 bits, comparison, membership, index."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Final

from guardrails.engine.invariants.signatures import EvaluationFailed, Function, Signature, of_bounded_length, signature
from guardrails.engine.invariants.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NUMERIC,
    STRING,
    TIMESTAMP,
    A,
    B,
    Type,
    list_of,
    map_of,
)

_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**63 - 1


def whole(value: int) -> int:
    """The number.

    Raises:
        EvaluationFailed: it is beyond 64 bits.
    """
    if _SMALLEST <= value <= _LARGEST:
        return value
    raise EvaluationFailed("a whole number left the range of 64 bits")


def equal(left: Any, right: Any) -> bool:
    """CEL's equality: numbers by value, true is no number, values of different types differ."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    same: bool = left == right
    return same


def contains(item: Any, among: Any) -> bool:
    """``item in among``: an item of a list, a key of a map."""
    if isinstance(among, dict):
        return isinstance(item, str | int | float) and not isinstance(item, bool) and item in among
    if not isinstance(item, list | tuple | dict) and item not in among:
        # What differs for Python differs for CEL as well, and Python sees it a hundred times faster.
        return False
    return any(equal(item, one) for one in among)


def index(among: Any, key: Any) -> Any:
    """``among[key]``.

    Raises:
        EvaluationFailed: there is none.
    """
    if isinstance(among, dict):
        if isinstance(key, bool) or not isinstance(key, str | int | float) or key not in among:
            raise EvaluationFailed("a map has no such key")
        return among[key]
    if not isinstance(key, int) or isinstance(key, bool) or not 0 <= key < len(among):
        raise EvaluationFailed("a list has no item of that number")
    return among[key]


def joined(left: Any, right: Any) -> list[Any]:
    """Both lists.

    Raises:
        EvaluationFailed: that is too long.
    """
    if len(left) + len(right) > 100_000:
        raise EvaluationFailed("a list became longer than 100,000 items")
    return [*left, *right]


def _quotient(left: int, right: int) -> int:
    if right == 0:
        raise EvaluationFailed("a division by zero")
    quotient = abs(left) // abs(right)
    return whole(quotient if (left < 0) == (right < 0) else -quotient)


def _remainder(left: int, right: int) -> int:
    return left - right * _quotient(left, right)


def _ratio(left: float, right: float) -> float:
    if right:
        return left / right
    return math.nan if not left or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1.0, right)


def _product(left: float, right: float) -> float:
    return left * right


def moved(start: Any, by: Any) -> Any:
    """An instant or duration, and a duration more.

    Raises:
        EvaluationFailed: that is beyond the years 1 to 9999.
    """
    try:
        return start + by
    except OverflowError:
        raise EvaluationFailed("a date left the years 1 to 9999") from None


def _back(start: Any, by: Any) -> Any:
    return moved(start, -by) if isinstance(by, dt.timedelta) else start - by


_ORDERED: Final = (INT, DOUBLE, STRING, BOOL, TIMESTAMP, DURATION)


def _comparing(run: Any) -> tuple[Signature, ...]:
    mixed = (signature(INT, DOUBLE, gives=BOOL, run=run), signature(DOUBLE, INT, gives=BOOL, run=run))
    return (*(signature(one, one, gives=BOOL, run=run) for one in _ORDERED), *mixed)


_ALL: Final = (
    Function("_+_", "the sum, or both texts or lists", (
        signature(INT, INT, gives=INT, run=lambda a, b: whole(a + b)),
        signature(DOUBLE, DOUBLE, gives=DOUBLE, run=lambda a, b: a + b),
        signature(STRING, STRING, gives=STRING, run=lambda a, b: of_bounded_length(a + b)),
        signature(list_of(A), list_of(A), gives=list_of(A), run=joined),
        signature(TIMESTAMP, DURATION, gives=TIMESTAMP, run=moved),
        signature(DURATION, TIMESTAMP, gives=TIMESTAMP, run=moved),
        signature(DURATION, DURATION, gives=DURATION, run=moved),
    ), reads=True),
    Function("_-_", "the difference", (
        signature(INT, INT, gives=INT, run=lambda a, b: whole(a - b)),
        signature(DOUBLE, DOUBLE, gives=DOUBLE, run=lambda a, b: a - b),
        signature(TIMESTAMP, TIMESTAMP, gives=DURATION, run=_back),
        signature(TIMESTAMP, DURATION, gives=TIMESTAMP, run=_back),
        signature(DURATION, DURATION, gives=DURATION, run=_back),
    )),
    Function("_*_", "the product", (
        signature(INT, INT, gives=INT, run=lambda a, b: whole(a * b)),
        signature(DOUBLE, DOUBLE, gives=DOUBLE, run=_product),
    )),
    Function("_/_", "the quotient, of whole numbers without its fraction", (
        signature(INT, INT, gives=INT, run=_quotient),
        signature(DOUBLE, DOUBLE, gives=DOUBLE, run=_ratio),
    )),
    Function("_%_", "the remainder", (signature(INT, INT, gives=INT, run=_remainder),)),
    Function("-_", "the negative", (
        signature(INT, gives=INT, run=lambda a: whole(-a)),
        signature(DOUBLE, gives=DOUBLE, run=lambda a: -a),
    )),
    Function("!_", "not", (signature(BOOL, gives=BOOL, run=lambda a: not a),)),
    Function("_<_", "less", _comparing(lambda a, b: a < b)),
    Function("_<=_", "at most", _comparing(lambda a, b: a <= b)),
    Function("_>_", "more", _comparing(lambda a, b: a > b)),
    Function("_>=_", "at least", _comparing(lambda a, b: a >= b)),
    Function("_==_", "equal", (signature(A, A, gives=BOOL, run=equal),)),
    Function("_!=_", "not equal", (signature(A, A, gives=BOOL, run=lambda a, b: not equal(a, b)),)),
    Function("_in_", "is among", (
        signature(A, list_of(A), gives=BOOL, run=contains),
        signature(A, map_of(A, B), gives=BOOL, run=contains),
    )),
    Function("_[_]", "the item", (
        signature(list_of(A), INT, gives=A, run=index),
        signature(map_of(A, B), A, gives=B, run=index),
    )),
)  # fmt: skip

OPERATORS: Final = {function.name: function for function in _ALL}
"""By name: ``_+_`` for ``a + b``, ``!_`` for ``!a``, ``_[_]`` for ``a[b]``."""


def comparable(left: Type, right: Type) -> bool:
    """Whether ``==`` between them can ever be true, so that writing it makes sense."""
    if DYN in (left, right) or (left in NUMERIC and right in NUMERIC):
        return True
    if left.name != right.name or len(left.parameters) != len(right.parameters):
        return False
    return all(comparable(one, other) for one, other in zip(left.parameters, right.parameters, strict=True))
