"""Filters by documents' metadata: one value, one of several, or bounds. Checked here; PostgreSQL gets values only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from contracts.errors import InvalidRequest

MAX_FIELDS: Final = 16
MAX_VALUES: Final = 100
BOUNDS: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

_FIELD: Final = re.compile(r"\A[^\x00-\x1f]{1,128}\Z")

Scalar = str | int | float | bool


class Filter(msgspec.Struct, frozen=True):
    """What one field has to be: one of ``values``, or within ``bounds`` (operator of SQL, value)."""

    field: str
    values: tuple[Scalar, ...] = ()
    bounds: tuple[tuple[str, str | int | float], ...] = ()

    def accepts(self, metadata: Mapping[str, Any]) -> bool:
        """Whether a document with such metadata is within it, as PostgreSQL decides."""
        value = metadata.get(self.field)
        if self.bounds:
            return all(_within(value, operator, bound) for operator, bound in self.bounds)
        return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in self.values)


def filters_of(given: Mapping[str, Any]) -> tuple[Filter, ...]:
    """The filters as they were asked for.

    Raises:
        InvalidRequest: they are malformed; ``param`` names the field.
    """
    if len(given) > MAX_FIELDS:
        raise InvalidRequest(f"At most {MAX_FIELDS} fields can be filtered by.", param="retrieval.filters")
    return tuple(_filter(field, wanted) for field, wanted in given.items())


def _filter(field: str, wanted: Any) -> Filter:
    param = f"retrieval.filters.{field}"[:200]
    if not isinstance(field, str) or not _FIELD.match(field):
        raise InvalidRequest("Names of fields have 1 to 128 characters.", param="retrieval.filters")
    if isinstance(wanted, Mapping):
        return Filter(field, bounds=_bounds(wanted, param))
    values = list(wanted) if isinstance(wanted, list | tuple) else [wanted]
    if not 0 < len(values) <= MAX_VALUES or not all(_is_scalar(one) for one in values):
        raise InvalidRequest(
            f"A text, a number, true or false; or a list of 1 to {MAX_VALUES} of them; or bounds.", param=param
        )
    return Filter(field, values=tuple(values))


def _bounds(wanted: Mapping[str, Any], param: str) -> tuple[tuple[str, str | int | float], ...]:
    found = []
    for name, bound in wanted.items():
        if name not in BOUNDS or isinstance(bound, bool) or not _is_scalar(bound):
            raise InvalidRequest(f"Bounds are {', '.join(BOUNDS)}, each with a number or a text.", param=param)
        found.append((BOUNDS[name], bound))
    if not found or len({isinstance(bound, str) for _, bound in found}) > 1:
        raise InvalidRequest("Bounds are all numbers or all texts, and there is one at least.", param=param)
    return tuple(found)


def _is_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 1_000 and "\x00" not in value
    if isinstance(value, float):
        return value == value and abs(value) != float("inf")
    return isinstance(value, bool | int)


def _within(value: Any, operator: str, bound: str | int | float) -> bool:
    if isinstance(value, bool) or isinstance(value, str) != isinstance(bound, str) or value is None:
        return False
    if not isinstance(value, str | int | float):
        return False
    order = (value > bound) - (value < bound)  # type: ignore[operator] # both are texts, or both numbers
    return {">": order > 0, ">=": order >= 0, "<": order < 0, "<=": order <= 0}[operator]
