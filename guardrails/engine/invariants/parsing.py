"""An expression as a tree: the grammar of CEL, without bytes, unsigned numbers and messages."""

from __future__ import annotations

from typing import Final

from guardrails.engine.invariants.lexing import KEYWORDS, Token, tokens_of
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
    children,
)

MAX_LENGTH: Final = 4_000
"""Characters of an expression."""
MAX_PARTS: Final = 600
MAX_DEPTH: Final = 64
MAX_NESTING: Final = 40
"""Brackets within brackets."""
SMALLEST, LARGEST = -(2**63), 2**63 - 1

_RELATIONS: Final = ("==", "!=", "<", "<=", ">", ">=", "in")
_LEVELS: Final = (_RELATIONS, ("+", "-"), ("*", "/", "%"))
_TESTING: Final = frozenset({"all", "exists", "exists_one", "filter"})
_RESERVED: Final = frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let", "loop", "package"}
    | {"namespace", "return", "var", "void", "while"}
)


def parsed(source: str) -> Node:
    """The tree of the expression.

    Raises:
        ExpressionError: it is none, or larger than what is evaluated.
    """
    if not source.strip():
        raise ExpressionError("Write what must be true.", source, 0)
    if len(source) > MAX_LENGTH:
        raise ExpressionError(f"An expression has at most {MAX_LENGTH:,} characters.", source, MAX_LENGTH)
    return _Parser(source).whole()


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = tokens_of(source)
        self._place = 0
        self._nesting = 0

    def whole(self) -> Node:
        tree = self._expression()
        if self._next.kind != "end":
            raise self._error(f"{self._next.value!r} is not expected here; is an operator missing before it?")
        self._measure(tree)
        return tree

    def _measure(self, tree: Node) -> None:
        """Evaluation recurses as deep as the tree is."""
        waiting, parts = [(tree, 1)], 0
        while waiting:
            node, depth = waiting.pop()
            parts += 1
            if depth > MAX_DEPTH or parts > MAX_PARTS:
                raise ExpressionError("The expression is too large: split it into several rules.", self._source, 0)
            waiting += [(child, depth + 1) for child in children(node)]

    # --- tokens ------------------------------------------------------------------------------------------

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._tokens[self._place]
        self._place += token.kind != "end"
        return token

    def _sees(self, *signs: str) -> bool:
        return self._next.kind in ("sign", "name") and self._next.value in signs

    def _takes(self, sign: str) -> bool:
        if not self._sees(sign):
            return False
        self._place += 1
        return True

    def _expect(self, sign: str, why: str) -> None:
        if not self._takes(sign):
            found = "the end" if self._next.kind == "end" else repr(self._next.value)
            raise self._error(f"Expected {sign!r} {why}, not {found}.")

    def _error(self, problem: str, at: int | None = None) -> ExpressionError:
        return ExpressionError(problem, self._source, self._next.at if at is None else at)

    # --- operators, the loosest first ----------------------------------------------------------------------

    def _expression(self) -> Node:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._error("There are too many brackets within brackets.")
        condition = self._logic("||")
        if self._sees("?"):
            at = self._take().at
            then = self._logic("||")
            self._expect(":", "between the two answers of '?'")
            condition = Conditional(at, condition, then, self._expression())
        self._nesting -= 1
        return condition

    def _logic(self, sign: str) -> Node:
        first = self._logic("&&") if sign == "||" else self._binary(0)
        parts, at = [first], self._next.at
        while self._takes(sign):
            parts.append(self._logic("&&") if sign == "||" else self._binary(0))
        return Logic(at, sign == "&&", tuple(parts)) if len(parts) > 1 else first

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._sees(*_LEVELS[level]):
            token = self._take()
            left = Call(token.at, f"_{token.value}_", (left, self._binary(level + 1)))
        return left

    def _unary(self) -> Node:
        signs = []
        while self._sees("!", "-"):
            signs.append(self._take())
        if len(signs) > MAX_NESTING:
            raise self._error("There are too many signs in a row.", signs[0].at)
        if signs and signs[-1].value == "-" and self._next.kind in ("int", "double"):
            sign, number = signs.pop(), self._take()
            node = self._member(self._number(-number.value, sign.at))
        else:
            node = self._member(self._primary())
        for sign in reversed(signs):
            node = Call(sign.at, f"{sign.value}_", (node,))
        return node

    # --- members -------------------------------------------------------------------------------------------

    def _member(self, node: Node) -> Node:
        while True:
            if self._sees("."):
                node = self._after_dot(node)
            elif self._sees("["):
                at = self._take().at
                index = self._expression()
                self._expect("]", "after the index")
                node = Call(at, "_[_]", (node, index))
            elif self._sees("{") and isinstance(node, Name | Select):
                raise self._error("Messages cannot be made here; a map is written {'name': value}.")
            else:
                return node

    def _after_dot(self, operand: Node) -> Node:
        self._take()
        if self._sees("?"):
            raise self._error("Optional fields ('.?') are not part of CEL's core; test with has(…).")
        token = self._take()
        if token.kind != "name" or token.value in (*KEYWORDS, "in"):
            raise self._error("After a dot comes the name of a field or function.", token.at)
        if not self._takes("("):
            return Select(token.at, operand, token.value)
        arguments = self._arguments()
        if token.value in _TESTING and len(arguments) == 2:
            return Loop(token.at, token.value, operand, self._variable(arguments[0]), arguments[1], None)
        if token.value == "map" and len(arguments) in (2, 3):
            test = arguments[1] if len(arguments) == 3 else None
            return Loop(token.at, "map", operand, self._variable(arguments[0]), test, arguments[-1])
        if token.value in _TESTING or token.value == "map":
            raise self._error(f"It is written list.{token.value}(item, …): a name, then what is said of it.", token.at)
        if isinstance(operand, Name) and operand.name in ("math", "strings"):
            return Call(token.at, f"{operand.name}.{token.value}", arguments)
        return Call(token.at, token.value, (operand, *arguments))

    def _variable(self, node: Node) -> str:
        if not isinstance(node, Name):
            raise self._error("Here stands a name for the item, such as p.", node.at)
        return node.name

    def _arguments(self) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._sees(")"):
            found.append(self._expression())
            if not self._takes(","):
                break
        self._expect(")", "after the arguments")
        return tuple(found)

    # --- what stands by itself -------------------------------------------------------------------------------

    def _primary(self) -> Node:
        token = self._take()
        if token.kind == "name":
            return self._named(token)
        if token.kind == "text":
            return Literal(token.at, token.value)
        if token.kind in ("int", "double"):
            return self._number(token.value, token.at)
        if token.value == "(":
            inside = self._expression()
            self._expect(")", "for the bracket that was opened")
            return inside
        if token.value == "[":
            return self._list(token.at)
        if token.value == "{":
            return self._map(token.at)
        found = "The expression ends" if token.kind == "end" else f"{token.value!r} stands"
        raise self._error(f"{found} where a value is expected.", token.at)

    def _named(self, token: Token) -> Node:
        if token.value in KEYWORDS:
            return Literal(token.at, KEYWORDS[token.value])
        if token.value in _RESERVED:
            raise self._error(f"{token.value!r} is a reserved word.", token.at)
        if not self._takes("("):
            return Name(token.at, token.value)
        arguments = self._arguments()
        if token.value != "has":
            return Call(token.at, token.value, arguments)
        if len(arguments) != 1 or not isinstance(arguments[0], Select):
            raise self._error("has(…) asks for a field: has(request.user).", token.at)
        return Has(token.at, arguments[0])

    def _number(self, value: float, at: int) -> Literal:
        if isinstance(value, int) and not SMALLEST <= value <= LARGEST:
            raise self._error("The number is beyond 64 bits.", at)
        return Literal(at, value)

    def _list(self, at: int) -> Node:
        items: list[Node] = []
        while not self._sees("]"):
            items.append(self._expression())
            if not self._takes(","):
                break
        self._expect("]", "at the end of the list")
        return ListOf(at, tuple(items))

    def _map(self, at: int) -> Node:
        entries: list[tuple[Node, Node]] = []
        while not self._sees("}"):
            key = self._expression()
            self._expect(":", "between key and value")
            entries.append((key, self._expression()))
            if not self._takes(","):
                break
        self._expect("}", "at the end of the map")
        return MapOf(at, tuple(entries))
