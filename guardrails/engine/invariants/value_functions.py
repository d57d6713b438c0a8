"""Functions about JSON, lists and maps, and from one type to another."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from guardrails.engine.invariants.json_path import at_path, steps_of
from guardrails.engine.invariants.operators import contains, whole
from guardrails.engine.invariants.signatures import (
    EvaluationFailed,
    Function,
    signature,
)
from guardrails.engine.invariants.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    A,
    B,
    list_of,
    map_of,
)

_JSON: Final = "JSON"
_LISTS: Final = "Lists and conversions"
MAX_COMPARED: Final = 200
_FENCE: Final = re.compile(r"\s*```[\w-]*\n(.*)\n```\s*", re.DOTALL)
_decode = msgspec.json.Decoder().decode


def json_of(text: str) -> Any:
    """The value of a text that is JSON, in a fenced block or not; null where it is none."""
    fence = _FENCE.fullmatch(text)
    try:
        return _decode(fence[1] if fence else text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _int_of_text(text: str) -> int:
    if len(text) > 20 or not re.fullmatch(r"[-+]?\d+", text, re.ASCII):
        raise EvaluationFailed("a text is no whole number")
    return whole(int(text))


def _int_of_double(value: float) -> int:
    if not math.isfinite(value):
        raise EvaluationFailed("a number without end is no whole number")
    return whole(int(value))


def _double_of_text(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise EvaluationFailed("a text is no number") from None


def _bool_of_text(text: str) -> bool:
    known = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}
    if text.lower() not in known:
        raise EvaluationFailed("a text is neither true nor false")
    return known[text.lower()]


def text_of(value: Any) -> str:
    """A value as ``string(value)`` gives it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.timedelta):
        return f"{text_of(value.total_seconds())}s"
    return str(value)


def _distinct(items: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    seen: set[Any] = set()
    others: list[Any] = []
    for item in items:
        if isinstance(item, str | int | float) and not isinstance(item, bool):
            new = item not in seen
            seen.add(item)
        else:
            new = not contains(item, others)
            others.append(item)
            if len(others) > MAX_COMPARED:
                raise EvaluationFailed(f"more than {MAX_COMPARED} lists, maps or objects are not made distinct")
        if new:
            found.append(item)
    return found


FUNCTIONS: Final = (
    Function(
        "json",
        "The value of a text that is JSON, also in a fenced block; null where it is none.",
        (signature(STRING, gives=DYN, run=json_of),),
        _JSON,
        reads=True,
        example="json(response.text) != null",
    ),
    Function(
        "jsonPath",
        "What stands at a path of a JSON value: $.items[*].price, $..id, $['a b'][0].",
        (signature(DYN, STRING, gives=list_of(DYN), run=at_path),),
        _JSON,
        reads=True,
        literals={1: steps_of},
        example="jsonPath(json(response.text), '$.items[*].price').all(p, p > 0)",
    ),
    Function(
        "size",
        "How many characters, items or keys.",
        (
            signature(STRING, gives=INT, run=len),
            signature(list_of(A), gives=INT, run=len),
            signature(map_of(A, B), gives=INT, run=len),
        ),
        _LISTS,
        example="size(response.text) <= 4000",
    ),
    Function(
        "distinct",
        "The list, each item once.",
        (signature(list_of(A), gives=list_of(A), run=lambda items: _distinct(items)),),
        _LISTS,
    ),
    Function(
        "int",
        "As a whole number, without what follows the point.",
        (
            signature(INT, gives=INT, run=lambda a: a),
            signature(DOUBLE, gives=INT, run=_int_of_double),
            signature(STRING, gives=INT, run=_int_of_text),
            signature(TIMESTAMP, gives=INT, run=lambda at: int(at.timestamp() // 1)),
        ),
        _LISTS,
    ),
    Function(
        "double",
        "As a number with decimals.",
        (
            signature(DOUBLE, gives=DOUBLE, run=lambda a: a),
            signature(INT, gives=DOUBLE, run=float),
            signature(STRING, gives=DOUBLE, run=_double_of_text),
        ),
        _LISTS,
        example="double(usage.output_tokens) / double(usage.input_tokens) < 4.0",
    ),
    Function(
        "string",
        "As a text.",
        tuple(signature(one, gives=STRING, run=text_of) for one in (STRING, INT, DOUBLE, BOOL, TIMESTAMP, DURATION)),
        _LISTS,
    ),
    Function(
        "bool",
        "A text as true or false.",
        (
            signature(BOOL, gives=BOOL, run=lambda a: a),
            signature(STRING, gives=BOOL, run=_bool_of_text),
        ),
        _LISTS,
    ),
    Function(
        "dyn",
        "The same, of a type that is known only when it is evaluated.",
        (signature(A, gives=DYN, run=lambda a: a),),
        _LISTS,
    ),
)
