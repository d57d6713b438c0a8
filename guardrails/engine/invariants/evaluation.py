"""Checked expressions made into functions, and evaluated within bounds.

Evaluation takes steps: one for a part of the expression that does something, more where a function reads a long text.
Whatever the expression and the facts, it ends after :data:`MAX_STEPS` or at its deadline.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from guardrails.engine.invariants.checking import Checked
from guardrails.engine.invariants.functions import FUNCTIONS
from guardrails.engine.invariants.operators import equal
from guardrails.engine.invariants.signatures import EvaluationFailed, Function, Signature
from guardrails.engine.invariants.syntax import (
    Call,
    Conditional,
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
from guardrails.engine.invariants.types import DYN, accepts, name_of

MAX_STEPS: Final = 200_000
CHARACTERS_PER_STEP: Final = 32
LOOKED_EVERY: Final = 500
"""Steps after which the clock is looked at."""
MEMORY: Final = 1_000
"""Answers of functions that are kept during one evaluation."""


class OutOfBounds(Exception):
    """Evaluation took more steps, or longer, than it may."""


class Frame:
    """One evaluation: what names stand for, and what may still be spent."""

    __slots__ = ("_deadline", "_left", "_look_at", "_seconds", "answers", "names")

    def __init__(self, names: Mapping[str, Any], deadline_ms: float) -> None:
        self.names = dict(names)
        self.answers: dict[Any, Any] = {}
        self._left = MAX_STEPS
        self._look_at = MAX_STEPS - LOOKED_EVERY
        self._seconds = deadline_ms / 1000
        self._deadline = 0.0

    def spend(self, steps: int) -> None:
        """Note that something was done.

        Raises:
            OutOfBounds: that was too much.
        """
        self._left -= steps
        if self._left < self._look_at:
            if self._left < 0:
                raise OutOfBounds(f"it took more than {MAX_STEPS:,} steps")
            # Of processor time: nobody else's turn is the rule's fault. Asking for it is a system call.
            now = time.thread_time()
            self._deadline = self._deadline or now + self._seconds
            if now > self._deadline:
                raise OutOfBounds("it was not done by its deadline")
            self._look_at = self._left - LOOKED_EVERY


Run = Callable[[Frame], Any]


def compiled(checked: Checked) -> Run:
    """The expression as a function, which raises :class:`EvaluationFailed` and :class:`OutOfBounds`."""
    return _Compiler(checked).run_of(checked.tree)


class _Compiler:
    def __init__(self, checked: Checked) -> None:
        self._checked = checked

    def run_of(self, node: Node) -> Run:
        """The part as a function."""
        match node:
            case Literal(value=value):
                return lambda frame: value
            case Name(name=name):
                return lambda frame: frame.names[name]
            case Select(operand=operand, field=field):
                return _select(self.run_of(operand), field)
            case Has(select=select):
                return _has(self.run_of(select.operand), select.field)
            case Logic(both=both, parts=parts):
                return _logic([self.run_of(part) for part in parts], deciding=not both)
            case Loop():
                return self._loop(node)
            case Call():
                return self._call(node)
        return self._composed(node)

    def _composed(self, node: Node) -> Run:
        match node:
            case Conditional(condition=condition, then=then, other=other):
                return _conditional(self.run_of(condition), self.run_of(then), self.run_of(other))
            case ListOf(items=items):
                return _list([self.run_of(item) for item in items])
            case MapOf(entries=entries):
                return _map([(self.run_of(key), self.run_of(value)) for key, value in entries])
        raise AssertionError(node)

    def _loop(self, node: Loop) -> Run:
        over = self.run_of(node.over)
        test = self.run_of(node.test) if node.test is not None else None
        if node.result is not None:
            return _collect(over, node.variable, test, self.run_of(node.result))
        assert test is not None
        if node.macro == "filter":
            return _collect(over, node.variable, test, None)
        if node.macro == "exists_one":
            return _exists_one(over, node.variable, test)
        return _quantified(over, node.variable, test, deciding=node.macro == "exists")

    def _call(self, node: Call) -> Run:
        arguments = [self.run_of(argument) for argument in node.arguments]
        function, signatures = FUNCTIONS[node.function], self._checked.calls[id(node)]
        direct = _DIRECT.get(node.function)
        if direct is not None:
            return _of_any(direct, *arguments)
        if function.reads:
            return _reading(function, signatures, arguments)
        return _calling(function, signatures, arguments)


# --- parts ------------------------------------------------------------------------------------------------------


def _select(operand: Run, field: str) -> Run:
    def run(frame: Frame) -> Any:
        value = operand(frame)
        if isinstance(value, dict):
            if field not in value:
                raise EvaluationFailed(f"there is no {field!r}")
            return value[field]
        try:
            return getattr(value, field)
        except AttributeError:
            raise EvaluationFailed(f"{name_of(value)} has no {field!r}") from None

    return run


def _has(operand: Run, field: str) -> Run:
    def run(frame: Frame) -> bool:
        value = operand(frame)
        if isinstance(value, dict):
            return field in value
        # What is not known has its default, which is empty.
        return bool(getattr(value, field, None))

    return run


def _logic(parts: list[Run], *, deciding: bool) -> Run:
    """``||`` where True decides, ``&&`` where False does: whatever else failed, as CEL has it."""

    def run(frame: Frame) -> bool:
        failure: EvaluationFailed | None = None
        for part in parts:
            try:
                value = part(frame)
            except EvaluationFailed as error:
                failure = failure or error
                continue
            if value is deciding:
                return bool(value)
            if not isinstance(value, bool):
                failure = failure or _no_condition(value)
        if failure is not None:
            raise failure
        return not deciding

    return run


def _conditional(condition: Run, then: Run, other: Run) -> Run:
    def run(frame: Frame) -> Any:
        return then(frame) if _true(condition(frame)) else other(frame)

    return run


def _list(items: list[Run]) -> Run:
    return lambda frame: [item(frame) for item in items]


def _map(entries: list[tuple[Run, Run]]) -> Run:
    def run(frame: Frame) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key, value in entries:
            name = key(frame)
            if isinstance(name, bool) or not isinstance(name, str | int):
                raise EvaluationFailed("a key is a text or a whole number")
            if name in made:
                raise EvaluationFailed("a map names a key twice")
            made[name] = value(frame)
        return made

    return run


# --- loops ------------------------------------------------------------------------------------------------------


def _items(value: Any) -> Any:
    if isinstance(value, list | tuple | dict):
        return value
    raise EvaluationFailed(f"{name_of(value)} has no items")


def _quantified(over: Run, variable: str, test: Run, *, deciding: bool) -> Run:
    """``exists`` where True decides, ``all`` where False does."""

    def run(frame: Frame) -> bool:
        failure: EvaluationFailed | None = None
        names = frame.names
        before = names.get(variable)
        for item in _items(over(frame)):
            frame.spend(1)
            names[variable] = item
            try:
                value = test(frame)
            except EvaluationFailed as error:
                failure = failure or error
                continue
            if value is deciding:
                names[variable] = before
                return bool(value)
            if not isinstance(value, bool):
                failure = failure or _no_condition(value)
        names[variable] = before
        if failure is not None:
            raise failure
        return not deciding

    return run


def _exists_one(over: Run, variable: str, test: Run) -> Run:
    def run(frame: Frame) -> bool:
        before, found = frame.names.get(variable), 0
        for item in _items(over(frame)):
            frame.spend(1)
            frame.names[variable] = item
            found += _true(test(frame))
        frame.names[variable] = before
        return found == 1

    return run


def _collect(over: Run, variable: str, test: Run | None, result: Run | None) -> Run:
    """``filter`` where there is no result, ``map`` where there is one."""

    def run(frame: Frame) -> list[Any]:
        before, made = frame.names.get(variable), []
        for item in _items(over(frame)):
            frame.spend(1)
            frame.names[variable] = item
            if test is None or _true(test(frame)):
                made.append(item if result is None else result(frame))
        frame.names[variable] = before
        return made

    return run


# --- calls ------------------------------------------------------------------------------------------------------

_DIRECT: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "_==_": equal,
    "_!=_": lambda left, right: not equal(left, right),
}
"""What takes arguments of any type."""


def _of_any(direct: Callable[[Any, Any], Any], left: Run, right: Run) -> Run:
    def run(frame: Frame) -> Any:
        one, other = left(frame), right(frame)
        frame.spend(1 + _weight(one))
        return direct(one, other)

    return run


def _calling(function: Function, signatures: tuple[Signature, ...], arguments: list[Run]) -> Run:
    choose = _chooser(function, signatures, len(arguments))
    weighs = function.name in ("_in_", "distinct", "sum", "min", "max", "join")

    def run(frame: Frame) -> Any:
        values = [argument(frame) for argument in arguments]
        frame.spend(1 + _weight(values[-1]) if weighs else 1)
        try:
            return choose(values)(*values)
        except ValueError as error:
            raise EvaluationFailed(str(error)) from None

    return run


def _reading(function: Function, signatures: tuple[Signature, ...], arguments: list[Run]) -> Run:
    """Of functions that look through texts: that counts, and the same is not looked through twice."""
    choose, name, remembers = _chooser(function, signatures, len(arguments)), function.name, bool(function.family)

    def run(frame: Frame) -> Any:
        values = [argument(frame) for argument in arguments]
        asked: Any = (name, *values)
        try:
            known = frame.answers.get(asked, frame) if remembers else frame
        except TypeError:
            # Lists and maps cannot be looked up.
            asked, known = None, frame
        if known is not frame:
            frame.spend(1)
            return known
        frame.spend(function.steps + sum(map(_weight, values)))
        try:
            answer = choose(values)(*values)
        except ValueError as error:
            raise EvaluationFailed(str(error)) from None
        frame.spend(_weight(answer))
        if remembers and asked is not None and len(frame.answers) < MEMORY:
            frame.answers[asked] = answer
        return answer

    return run


def _chooser(function: Function, signatures: tuple[Signature, ...], given: int) -> Callable[[list[Any]], Any]:
    """What gives the function for these values; chosen once where the types are known."""
    wanted = [(one.run, one.taken(given)) for one in signatures]
    if len(wanted) == 1 and all(kind == DYN or kind.free for kind in wanted[0][1]):
        only = wanted[0][0]
        return lambda values: only

    def choose(values: list[Any]) -> Callable[..., Any]:
        for run, kinds in wanted:
            if all(map(accepts, kinds, values)):
                return run
        kinds_given = " and ".join(map(name_of, values))
        sign = function.name.strip("_") if not function.family else function.name
        raise EvaluationFailed(f"{sign} does not go with {kinds_given}")

    return choose


def _weight(value: Any) -> int:
    if isinstance(value, str):
        return len(value) // CHARACTERS_PER_STEP
    return len(value) if isinstance(value, list | tuple | dict) else 0


def _true(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise _no_condition(value)


def _no_condition(value: Any) -> EvaluationFailed:
    return EvaluationFailed(f"{name_of(value)} is neither true nor false")
