"""What an expression is made of, and the one error that says what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class ExpressionError(ValueError):
    """The expression cannot be used; the message says where and why.

    Attributes:
        line: from 1.
        column: from 1, in characters.
        problem: the message without the place.
    """

    def __init__(self, problem: str, source: str, offset: int) -> None:
        before = source[:offset]
        self.line = before.count("\n") + 1
        self.column = offset - (before.rfind("\n") + 1) + 1
        self.problem = problem
        super().__init__(f"Line {self.line}, column {self.column}: {problem}")


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression; ``at`` is its offset in the source."""

    at: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A value as it is written."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Select(Node):
    """``operand.field``."""

    operand: Node
    field: str


@dataclass(frozen=True, slots=True)
class Has(Node):
    """``has(operand.field)``."""

    select: Select


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function, an operator (``_+_``) or an index (``_[_]``); the target of ``a.f(b)`` is the first argument."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """``a && b && c``, or with ``||``."""

    both: bool
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    """``condition ? then : other``."""

    condition: Node
    then: Node
    other: Node


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    """``[a, b]``."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapOf(Node):
    """``{a: b}``."""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Loop(Node):
    """A macro over a list, or the keys of a map: ``all``, ``exists``, ``exists_one``, ``filter``, ``map``."""

    macro: str
    over: Node
    variable: str
    test: Node | None
    """What decides about an item; None: every item counts."""
    result: Node | None
    """What ``map`` makes of an item."""


def children(node: Node) -> tuple[Node, ...]:
    """The parts of a part."""
    match node:
        case Select(operand=operand):
            return (operand,)
        case Has(select=select):
            return (select,)
        case Call(arguments=arguments):
            return arguments
        case Logic(parts=parts):
            return parts
        case Conditional(condition=condition, then=then, other=other):
            return (condition, then, other)
        case ListOf(items=items):
            return items
        case MapOf(entries=entries):
            return tuple(part for entry in entries for part in entry)
        case Loop(over=over, test=test, result=result):
            return tuple(part for part in (over, test, result) if part is not None)
    return ()
