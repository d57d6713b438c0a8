"""The types that expressions have, and how those of Python's values follow from declarations."""

from __future__ import annotations

import datetime as dt
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec


class Type(msgspec.Struct, frozen=True):
    """A type, written as CEL writes it: ``int``, ``list(string)``, ``Message``."""

    name: str
    parameters: tuple[Type, ...] = ()
    struct: type[msgspec.Struct] | None = None
    """Of a type with fields."""
    free: bool = False
    """Stands for any one type in a function's signature."""

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.parameters))})" if self.parameters else self.name


BOOL: Final = Type("bool")
INT: Final = Type("int")
DOUBLE: Final = Type("double")
STRING: Final = Type("string")
TIMESTAMP: Final = Type("timestamp")
DURATION: Final = Type("duration")
NULL: Final = Type("null")
DYN: Final = Type("dyn")
"""Known only when it is evaluated, such as what is in a JSON document."""
A: Final = Type("A", free=True)
B: Final = Type("B", free=True)
NUMERIC: Final = frozenset({INT, DOUBLE})

_PLAIN: Final[dict[Any, Type]] = {
    bool: BOOL,
    int: INT,
    float: DOUBLE,
    str: STRING,
    dt.datetime: TIMESTAMP,
    dt.timedelta: DURATION,
    type(None): NULL,
    Any: DYN,
}


def list_of(item: Type) -> Type:
    """``list(item)``."""
    return Type("list", (item,))


def map_of(key: Type, value: Type) -> Type:
    """``map(key, value)``."""
    return Type("map", (key, value))


def declared(hint: Any) -> Type:
    """The type of a Python annotation.

    Raises:
        TypeError: expressions have no such type.
    """
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (list, tuple):
        return list_of(declared(arguments[0]))
    if origin is dict:
        return map_of(declared(arguments[0]), declared(arguments[1]))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return Type(hint.__name__.removesuffix("Facts"), (), hint)
    raise TypeError(f"expressions have no type for {hint!r}")


@cache
def fields_of(struct: type[msgspec.Struct]) -> Mapping[str, Type]:
    """The types of a struct's fields by name."""
    hints = typing.get_type_hints(struct)
    return types.MappingProxyType({field.name: declared(hints[field.name]) for field in msgspec.structs.fields(struct)})


def matches(wanted: Type, given: Type, bound: dict[str, Type]) -> bool:
    """Whether a value of one type can stand where the other is wanted; binds what is free in it."""
    if wanted.free:
        known = bound.setdefault(wanted.name, given)
        if known == DYN and given != DYN:
            bound[wanted.name] = given
        return matches(known, given, {}) if known is not given else True
    if DYN in (wanted, given):
        return True
    if wanted.name != given.name or len(wanted.parameters) != len(given.parameters):
        return False
    return all(matches(w, g, bound) for w, g in zip(wanted.parameters, given.parameters, strict=True))


def filled(wanted: Type, bound: dict[str, Type]) -> Type:
    """The type with what was bound; what was not is ``dyn``."""
    if wanted.free:
        return bound.get(wanted.name, DYN)
    if not wanted.parameters:
        return wanted
    return Type(wanted.name, tuple(filled(one, bound) for one in wanted.parameters), wanted.struct)


def common(given: list[Type]) -> Type:
    """What items of these types have in common."""
    if not given:
        return DYN
    first = given[0]
    return first if all(one == first for one in given) else DYN


def accepts(wanted: Type, value: Any) -> bool:
    """Whether a value is of the type; only the outermost is looked at."""
    kind = _CLASSES.get(wanted.name)
    if kind is None:
        return wanted.struct is None or isinstance(value, wanted.struct)
    return isinstance(value, kind) and (wanted is BOOL or not isinstance(value, bool))


_CLASSES: Final[dict[str, Any]] = {
    "bool": bool,
    "int": int,
    "double": float,
    "string": str,
    "timestamp": dt.datetime,
    "duration": dt.timedelta,
    "null": type(None),
    "list": (list, tuple),
    "map": dict,
}


def name_of(value: Any) -> str:
    """The type of a value, for messages."""
    if isinstance(value, bool):
        return "bool"
    for name, kind in _CLASSES.items():
        if isinstance(value, kind):
            return name
    return type(value).__name__.removesuffix("Facts")
