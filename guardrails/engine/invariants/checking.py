"""Expressions checked before they are ever evaluated: every name, field, function and type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from guardrails.engine.invariants.functions import FUNCTIONS
from guardrails.engine.invariants.operators import comparable
from guardrails.engine.invariants.parsing import parsed
from guardrails.engine.invariants.signatures import Function, Signature
from guardrails.engine.invariants.syntax import (
    Call,
    Conditional,
    ExpressionError,
    Has,
    ListOf,
    Literal,
    Logic,
    Loop,
    MapOf,
    Name,
    Node,
    Select,
)
from guardrails.engine.invariants.types import (
    BOOL,
    DOUBLE,
    DYN,
    INT,
    NULL,
    STRING,
    Type,
    common,
    fields_of,
    filled,
    list_of,
    map_of,
    matches,
)

MAX_LOOPS: Final = 4
"""Loops within loops."""
_SIGNS: Final = {"_[_]": "[…]", "-_": "-", "!_": "!"}


@dataclass(slots=True)
class Checked:
    """An expression of which every part has its type."""

    source: str
    tree: Node
    type: Type
    calls: dict[int, tuple[Signature, ...]]
    """For each call, by the id of its node: the signatures that can be meant. Several only where ``dyn`` is given."""
    variables: frozenset[str]
    """The variables that it names."""
    paths: tuple[str, ...]
    """The fields of variables that it asks for, as ``usage.output_tokens``, each once, in order."""


def check(source: str, variables: Mapping[str, Type]) -> Checked:
    """The expression with its types.

    Raises:
        ExpressionError: it is none, names what there is not, or puts types together that do not go together.
    """
    checker = _Checker(source, variables)
    tree = parsed(source)
    kind = checker.type_of(tree)
    paths = tuple(dict.fromkeys(checker.paths))
    return Checked(source, tree, kind, checker.calls, frozenset(checker.named), paths)


def check_condition(source: str, variables: Mapping[str, Type]) -> Checked:
    """As :func:`check`, for what must be true or false.

    Raises:
        ExpressionError: also where it is neither.
    """
    checked = check(source, variables)
    if checked.type not in (BOOL, DYN):
        hint = " Compare it with something." if checked.type.name != "list" else " Write …all(x, …) or …exists(x, …)."
        problem = f"This gives {_an(checked.type)}, but must say what is true or false.{hint}"
        raise ExpressionError(problem, source, 0)
    return checked


@dataclass(slots=True)
class _Checker:
    source: str
    variables: Mapping[str, Type]
    items: list[tuple[str, Type]] = field(default_factory=list)
    """Names of the loops around, the innermost last."""
    calls: dict[int, tuple[Signature, ...]] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    paths: list[str] = field(default_factory=list)

    def type_of(self, node: Node) -> Type:
        """The type of a part.

        Raises:
            ExpressionError: it, or a part of it, has none.
        """
        kind: Type = _CHECKS[type(node)](self, node)
        return kind

    def _has(self, node: Has) -> Type:
        self._select(node.select)
        return BOOL

    def _logic(self, node: Logic) -> Type:
        for part in node.parts:
            self._condition(part, "Both sides of && and || are true or false")
        return BOOL

    def _list(self, node: ListOf) -> Type:
        return list_of(common([self.type_of(item) for item in node.items]))

    def _error(self, node: Node, problem: str) -> ExpressionError:
        return ExpressionError(problem, self.source, node.at)

    def _condition(self, node: Node, why: str) -> None:
        kind = self.type_of(node)
        if kind not in (BOOL, DYN):
            raise self._error(node, f"{why}; this is {_an(kind)}.")

    def _name(self, node: Name) -> Type:
        for name, kind in reversed(self.items):
            if name == node.name:
                return kind
        if node.name in self.variables:
            self.named.add(node.name)
            return self.variables[node.name]
        if node.name in FUNCTIONS:
            raise self._error(
                node, f"{node.name} is a function: {FUNCTIONS[node.name].signatures[0].written(node.name)}."
            )
        known = [*self.variables, *(name for name, _ in self.items)]
        raise self._error(node, f"There is no {node.name!r} here.{_meant(node.name, known)}")

    def _select(self, node: Select) -> Type:
        kind = self.type_of(node.operand)
        self._note_path(node)
        if kind.struct is not None:
            fields = fields_of(kind.struct)
            if node.field in fields:
                return fields[node.field]
            raise self._error(
                node, f"{_the(node.operand, kind)} has no field {node.field!r}.{_meant(node.field, fields)}"
            )
        if kind == DYN:
            return DYN
        if kind.name == "map" and kind.parameters[0] in (STRING, DYN):
            return kind.parameters[1]
        hint = f" Write {node.field}(…)." if node.field in FUNCTIONS else ""
        if kind.name == "list":
            hint = " Say of which item: […], .all(x, …), .exists(x, …) or .map(x, …)."
        raise self._error(node, f"{_capital(_an(kind))} has no fields, so no {node.field!r}.{hint}")

    def _note_path(self, node: Select) -> None:
        steps: list[str] = []
        inner: Node = node
        while isinstance(inner, Select):
            steps.append(inner.field)
            inner = inner.operand
        if isinstance(inner, Name) and inner.name in self.variables and inner.name not in dict(self.items):
            path = ".".join([inner.name, *reversed(steps)])
            # Only the longest is of interest.
            self.paths = [one for one in self.paths if not path.startswith(one + ".")]
            self.paths.append(path)

    def _conditional(self, node: Conditional) -> Type:
        self._condition(node.condition, "Before the question mark stands what is true or false")
        then, other = self.type_of(node.then), self.type_of(node.other)
        if not (matches(then, other, {}) or NULL in (then, other)):
            raise self._error(node.other, f"Both answers of '?' are of one type; these are {then} and {other}.")
        return then if then == other else DYN

    def _map(self, node: MapOf) -> Type:
        keys, values = [], []
        for key, value in node.entries:
            kind = self.type_of(key)
            if kind not in (STRING, INT, DYN):
                raise self._error(key, f"Keys are texts or whole numbers, not {_an(kind)}.")
            keys.append(kind)
            values.append(self.type_of(value))
        return map_of(common(keys), common(values))

    def _loop(self, node: Loop) -> Type:
        over = self.type_of(node.over)
        if over.name not in ("list", "map", "dyn"):
            raise self._error(
                node, f".{node.macro}(…) goes over the items of a list or the keys of a map, not {_an(over)}."
            )
        if len(self.items) == MAX_LOOPS:
            raise self._error(node, f"There are more than {MAX_LOOPS} loops within loops.")
        if node.variable in self.variables:
            raise self._error(node, f"{node.variable!r} is a variable already; name the item otherwise.")
        item = over.parameters[0] if over.parameters else DYN
        self.items.append((node.variable, item))
        if node.test is not None:
            self._condition(node.test, f"What .{node.macro}(…) says of an item is true or false")
        result = self.type_of(node.result) if node.result is not None else item
        self.items.pop()
        return list_of(result) if node.macro in ("map", "filter") else BOOL

    # --- functions -----------------------------------------------------------------------------------------

    def _call(self, node: Call) -> Type:
        function = FUNCTIONS.get(node.function)
        if function is None or (node.function in ("_==_", "_!=_") and not node.arguments):
            raise self._error(node, f"There is no function {node.function!r}.{_meant(node.function, FUNCTIONS)}")
        given = [self.type_of(argument) for argument in node.arguments]
        if node.function in ("_==_", "_!=_") and not comparable(*given):
            raise self._error(node, f"{given[0]} and {given[1]} are never equal.{_hint(given)}")
        if node.function in ("_==_", "_!=_"):
            self.calls[id(node)] = function.signatures
            return BOOL
        found = [(one, bound) for one in function.signatures if (bound := _bound(one, given)) is not None]
        if not found:
            raise self._error(node, _no_signature(function, given))
        self._check_literals(function, node)
        self.calls[id(node)] = tuple(one for one, _ in found)
        return common([filled(one.gives, bound) for one, bound in found])

    def _check_literals(self, function: Function, node: Call) -> None:
        for place, test in function.literals.items():
            argument = node.arguments[place] if place < len(node.arguments) else None
            if isinstance(argument, Literal) and isinstance(argument.value, str):
                try:
                    test(argument.value)
                except ValueError as error:
                    raise self._error(argument, f"This is {error}.".replace("This is a ", "A ")) from None


_CHECKS: Final[dict[type[Node], Callable[[_Checker, Any], Type]]] = {
    Literal: lambda _, node: _type_of_literal(node.value),
    Name: _Checker._name,
    Select: _Checker._select,
    Has: _Checker._has,
    Logic: _Checker._logic,
    Conditional: _Checker._conditional,
    ListOf: _Checker._list,
    MapOf: _Checker._map,
    Loop: _Checker._loop,
    Call: _Checker._call,
}


def _bound(one: Signature, given: list[Type]) -> dict[str, Type] | None:
    """What the signature's free types stand for, given these arguments; None where it does not take them."""
    if not one.takes_so_many(len(given)):
        return None
    bound: dict[str, Type] = {}
    return bound if all(matches(w, g, bound) for w, g in zip(one.taken(len(given)), given, strict=True)) else None


def _type_of_literal(value: object) -> Type:
    if value is None:
        return NULL
    return {bool: BOOL, int: INT, float: DOUBLE}.get(type(value), STRING)


def _no_signature(function: Function, given: list[Type]) -> str:
    name = _SIGNS.get(function.name, function.name.strip("_"))
    wanted = "; ".join(one.written(function.name) for one in function.signatures)
    told = " and ".join(map(str, given)) or "nothing"
    if function.family:
        return f"{name}(…) is not for {told}; it is {wanted}.{_hint(given)}"
    return f"{name!r} does not go with {told}.{_hint(given)}"


def _hint(given: list[Type]) -> str:
    if {INT, DOUBLE} <= set(given):
        return " Write whole numbers with a point (5.0), or double(…) around them."
    if STRING in given and not {INT, DOUBLE}.isdisjoint(given):
        return " Write int(…), double(…) or string(…) around one of them."
    return " Nothing is null here; ask has(…)." if NULL in given else ""


def _meant(name: str, known: Iterable[str]) -> str:
    listed = [one for one in known if one.replace(".", "").isalnum() or "_" in one.strip("_")]
    near = get_close_matches(name, listed, n=1, cutoff=0.6) or [one for one in listed if one.lower() == name.lower()]
    if near:
        return f" Did you mean {near[0]!r}?"
    return f" There are: {', '.join(sorted(listed))}." if len(listed) <= 15 else ""


def _the(operand: Node, kind: Type) -> str:
    return operand.name if isinstance(operand, Name) else _capital(_an(kind))


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _an(kind: Type) -> str:
    words = {"string": "a text", "int": "a whole number", "double": "a number", "bool": "true or false", "null": "null"}
    if kind in (STRING, INT, DOUBLE, BOOL, NULL):
        return words[kind.name]
    return f"an {kind}" if str(kind)[:1] in "AEIOaeio" else f"a {kind}"
