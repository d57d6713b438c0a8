"""What stands beside the editor of an invariant: what can be named, what can be called, and rules to begin with."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from itertools import groupby, pairwise
from typing import NamedTuple

import msgspec

from guardrails.engine.invariants.facts import VARIABLES
from guardrails.engine.invariants.functions import LISTED
from guardrails.engine.invariants.types import Type, fields_of


class Entry(NamedTuple):
    """One thing that can be written."""

    text: str
    """What is written: ``usage.output_tokens``."""
    kind: str
    """Its type, or how a function is called."""
    about: str
    example: str = ""


class Group(NamedTuple):
    """Things that belong together."""

    name: str
    about: str
    entries: tuple[Entry, ...]


class Example(NamedTuple):
    """A rule to begin with."""

    title: str
    expression: str
    applies_if: str = ""

    @property
    def fill(self) -> str:
        """What a click writes: texts by the ids of their fields, as JSON."""
        fields = {
            "id_option_applies_if": self.applies_if,
            "id_option_expression": self.expression,
            "id_name": self.title,
        }
        return msgspec.json.encode(fields).decode()


EXAMPLES = (
    Example(
        "A price must be one of the context",
        "amounts(response.text).all(a, a in amounts(retrieval.text))",
    ),
    Example(
        "An answer about refunds must cite a policy",
        "response.text.matches(r'(?i)policy [A-Z]?\\d+') || response.citations.size() > 0",
        "response.text.containsAny(['refund', 'money back'])",
    ),
    Example(
        "No answer over 2,000 tokens on the free plan",
        "usage.output_tokens <= 2000",
        "tenant.plan == 'free'",
    ),
    Example(
        "Every number must be in what was retrieved or asked",
        "numbers(response.text).all(n, n in numbers(retrieval.text) || n in numbers(request.prompt))",
        "retrieval.passages.size() > 0",
    ),
    Example(
        "Links lead to our own pages alone",
        "links(response.text).all(l, l.startsWith('https://example.org/'))",
    ),
    Example(
        "Dates that are promised lie ahead",
        "dates(response.text).all(d, d > request.time)",
        "response.text.containsAny(['deliver', 'arrive'])",
    ),
    Example(
        "An order has items, and none is free",
        "jsonPath(json(response.text), '$.items[*].price').exists(p, true) "
        "&& jsonPath(json(response.text), '$.items[*].price').all(p, p > 0)",
        "json(response.text) != null",
    ),
    Example(
        "The answer is about the question",
        "similarity(request.prompt, response.text) > 0.1",
        "size(response.text) > 200",
    ),
    Example(
        "A tool that pays is only called for what the user named",
        "response.tool_calls.all(t, t.name != 'pay' || t.arguments.amount in numbers(request.prompt))",
    ),
    Example(
        "No call costs more than five cents",
        "usage.cost_usd <= 0.05",
    ),
)


@cache
def variables() -> tuple[Group, ...]:
    """What expressions can name, with the types of all fields; then the structs that lists are of."""
    groups = [_group(name, kind) for name, kind in VARIABLES.items()]
    inner = {found.name: found for kind in VARIABLES.values() for found in _structs_in(kind)}
    for kind in (*inner.values(), *_structs_of_functions()):
        groups.append(_group(kind.name, kind, of_variable=False))
    return tuple(groups)


@cache
def functions() -> tuple[Group, ...]:
    """What expressions can call, by family."""
    return tuple(
        Group(
            family,
            "",
            tuple(
                Entry(
                    f"{one.name}(",
                    "\n".join(signature.written(one.name) for signature in one.signatures),
                    one.about,
                    one.example,
                )
                for one in members
            ),
        )
        for family, members in groupby(LISTED, key=lambda one: one.family)
    )


def _group(name: str, kind: Type, *, of_variable: bool = True) -> Group:
    assert kind.struct is not None
    helps = _docstrings(kind.struct)
    prefix = f"{name}." if of_variable else "."
    entries = tuple(
        Entry(prefix + field, str(found), helps.get(field, "")) for field, found in fields_of(kind.struct).items()
    )
    about = " ".join((inspect.getdoc(kind.struct) or "").split())
    return Group(name, about, entries)


def _structs_in(kind: Type) -> list[Type]:
    found: list[Type] = []
    for field in fields_of(kind.struct).values() if kind.struct is not None else ():
        for inner in (field, *field.parameters):
            if inner.struct is not None and inner not in found:
                found += [inner, *_structs_in(inner)]
    return found


def _structs_of_functions() -> list[Type]:
    given = (signature.gives for one in LISTED for signature in one.signatures)
    return list(dict.fromkeys(inner for kind in given for inner in kind.parameters if inner.struct is not None))


@cache
def _docstrings(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The text below each field in the struct's source, without its marks."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(struct)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for field, below in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            found[field.target.id] = " ".join(str(below.value.value).replace("`", "").split())
    return found
