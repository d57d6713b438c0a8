"""Expressions mean what CEL says, and what another implementation of it says."""

from __future__ import annotations

import datetime as dt
from typing import Any

import cel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.engine.invariants.signatures import EvaluationFailed
from tests.guardrails.engine.invariants.expressions import problem_of, value_of

MEANINGS: list[tuple[str, Any]] = [
    # literals
    ("42", 42),
    ("-9223372036854775808", -(2**63)),
    ("0x1F", 31),
    ("-0xf", -15),
    ("1.5e3", 1500.0),
    (".5", 0.5),
    (r"'\n\x41\u00e9\U0001F600\101'", "\nA\u00e9\U0001f600A"),
    (r"r'\d+'", r"\d+"),
    ("'''two\nlines'''", "two\nlines"),
    ('"""it is "so\\""""', 'it is "so"'),
    ("null", None),
    ("[1, 2, ]", [1, 2]),
    ("{'a': 1, 'b': [true]}", {"a": 1, "b": [True]}),
    # arithmetic
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("-7 % 2", -1),
    ("7 % -2", 1),
    ("7.0 / 2.0", 3.5),
    ("2 + 3 * 4 - 1", 13),
    ("(2 + 3) * 4", 20),
    ("--5", 5),
    ("!!true", True),
    ("[1] + [2, 3]", [1, 2, 3]),
    # comparison and equality
    ("1 == 1.0", True),
    ("1 < 1.5", True),
    ("2.5 >= 2", True),
    ("'a' < 'b'", True),
    ("false < true", True),
    ("[1, 2] == [1.0, 2.0]", True),
    ("{'a': 1} == {'a': 1}", True),
    ("[true] == [true]", True),
    ("dyn(true) == dyn(1)", False),
    ("dyn('1') != dyn(1)", True),
    ("dyn([1]) == dyn({'a': 1})", False),
    ("2 in [1, 2.0]", True),
    ("dyn(true) in dyn([1])", False),
    ("'a' in {'a': 1}", True),
    # logic, which absorbs failures that do not matter
    ("true || 1 / 0 > 0", True),
    ("1 / 0 > 0 || true", True),
    ("false && 1 / 0 > 0", False),
    ("1 / 0 > 0 && false", False),
    ("dyn('x') || true", True),
    ("true ? 1 : 2", 1),
    ("false ? 1 : true ? 2 : 3", 2),
    ("[0, 1].exists(x, 1 / x > 0)", True),
    ("[0, 1].all(x, 1 / x > 1)", False),
    # macros
    ("[1, 2, 3].all(x, x > 0)", True),
    ("[].all(x, x)", True),
    ("[1, 2, 3].exists(x, x > 2)", True),
    ("[].exists(x, x)", False),
    ("[1, 2, 3].exists_one(x, x > 2)", True),
    ("[1, 2, 3].exists_one(x, x > 1)", False),
    ("[1, 2, 3].filter(x, x % 2 == 1)", [1, 3]),
    ("[1, 2, 3].map(x, x * x)", [1, 4, 9]),
    ("[1, 2, 3].map(x, x > 1, x * x)", [4, 9]),
    ("{'a': 1, 'b': 2}.all(k, k in ['a', 'b'])", True),
    ("[[1, 2], [3]].all(l, l.exists(x, x > 1))", True),
    ("[1].all(x, [2].all(x, x == 2) && x == 1)", True),
    ("has({'a': 1}.a)", True),
    ("has({'a': 1}.b)", False),
    # members
    ("{'a': {'b': [10, 20]}}.a.b[1]", 20),
    ("{1: 'one'}[1]", "one"),
    ("'h\u00e9llo'.size()", 5),
    ("size([1, 2])", 2),
    ("size({'a': 1})", 1),
    ("'hello'.contains('ell') && 'hello'.startsWith('he') && 'hello'.endsWith('lo')", True),
    ("'banana'.matches('ba(na)*')", True),
    ("'hubba'.matches('^ubb')", False),
    # conversions
    ("int('-12')", -12),
    ("int(3.9)", 3),
    ("int(-3.9)", -3),
    ("double('1.5')", 1.5),
    ("double(2)", 2.0),
    ("string(1.0)", "1"),
    ("string(2.5)", "2.5"),
    ("string(true)", "true"),
    ("string(timestamp('2026-03-01T10:00:00+01:00'))", "2026-03-01T09:00:00Z"),
    ("bool('true')", True),
    # time
    ("timestamp('2026-03-01T10:00:00Z') < timestamp('2026-03-01T10:00:01Z')", True),
    ("timestamp('2026-03-01T00:00:00Z') - timestamp('2026-02-28T00:00:00Z') == duration('24h')", True),
    ("timestamp('2026-03-01T00:00:00Z') + duration('1h30m')", dt.datetime(2026, 3, 1, 1, 30, tzinfo=dt.UTC)),
    ("timestamp('2026-03-01T23:30:00Z').getDayOfMonth()", 0),
    ("timestamp('2026-03-01T23:30:00Z').getMonth()", 2),
    ("timestamp('2026-03-01T23:30:00Z').getDayOfWeek()", 0),
    ("timestamp('2026-03-01T23:30:00Z').getHours('+02:00')", 1),
    ("duration('90m').getHours()", 1),
    ("// a remark\n1 + 1", 2),
]

FAILURES = [
    "1 / 0",
    "1 % 0",
    "9223372036854775807 + 1",
    "-(-9223372036854775808)",
    "9223372036854775807 * 2",
    "[1][1]",
    "[1][-1]",
    "{'a': 1}['b']",
    "{'a': 1}.b",
    "true && 1 / 0 > 0",
    "false || 1 / 0 > 0",
    "[0, 1].all(x, 1 / x > 0)",
    "[0].exists(x, 1 / x > 0)",
    "[1, 0].exists_one(x, 1 / x > 0)",
    "[1, 0].filter(x, 1 / x > 0)",
    "int('twelve')",
    "double('many')",
    "int(1e300)",
    "dyn('a') + dyn(1)",
    "dyn(1) && true",
    "dyn(3).all(x, true)",
]

NOT_EXPRESSIONS = [
    "",
    "1 +",
    "(1",
    "1)",
    "[1",
    "{'a'}",
    "'open",
    "a b",
    "1 ? 2",
    "&& true",
    "x.",
    "x.(1)",
    "'\\d'",
    "if",
    "9223372036854775808",
    "[1].all(1, true)",
    "has(1)",
    "1 = 1",
    "#",
]


@pytest.mark.parametrize(("source", "meant"), MEANINGS)
def test_means_what_the_language_says(source: str, meant: Any) -> None:
    found = value_of(source)
    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize("source", FAILURES)
def test_has_no_answer(source: str) -> None:
    with pytest.raises(EvaluationFailed):
        value_of(source)


@pytest.mark.parametrize("source", NOT_EXPRESSIONS)
def test_is_no_expression(source: str) -> None:
    assert problem_of(source).startswith("Line ")


_ERRORS_IN_LOOPS = "the other ends a loop at the first failure, where the language lets a later item decide"
DIFFERENT = {
    "[0, 1].exists(x, 1 / x > 0)": _ERRORS_IN_LOOPS,
    "[0, 1].all(x, 1 / x > 1)": _ERRORS_IN_LOOPS,
    "'h\u00e9llo'.size()": "the other counts bytes, where the language counts characters",
    "-(-9223372036854775808)": "the other begins again at the smallest number",
    "string(true)": "the other has it for other types alone",
    "string(timestamp('2026-03-01T10:00:00+01:00'))": "the same instant, written with another offset",
    "timestamp('2026-03-01T23:30:00Z').getHours('+02:00')": "the other knows no time zones",
}
"""Where the other implementation is not what the language's own conformance tests ask for."""


def other(source: str) -> Any:
    """What the other implementation says; an exception where it says nothing."""
    return cel.evaluate(source, {"dyn": lambda value: value, "bool": lambda value: value == "true"})


def test_agrees_with_another_implementation() -> None:
    compared = [source for source, _ in MEANINGS if source not in DIFFERENT]
    assert [source for source in compared if not same(value_of(source), other(source))] == []


def test_refuses_what_another_implementation_refuses() -> None:
    compared = [source for source in (*FAILURES, *NOT_EXPRESSIONS) if source not in DIFFERENT and "dyn" not in source]
    for source in filter(None, compared):
        with pytest.raises(Exception):  # noqa: B017, PT011 - of whichever type: it is another's
            other(source)


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, float):
        return ours == theirs or (ours != ours and theirs != theirs)
    return bool(ours == theirs)


_ints = st.integers(-20, 20).map(lambda n: f"({n})" if n < 0 else str(n))
# No letters outside of ASCII: the other counts their bytes, where CEL counts characters.
_texts = st.text("abc' ", max_size=4).map(lambda text: "'" + text.replace("'", "\\'") + "'")


def _two(of: st.SearchStrategy[str], signs: list[str]) -> st.SearchStrategy[str]:
    return st.builds("({} {} {})".format, of, st.sampled_from(signs), of)


_sums = _two(_ints, ["+", "-", "*"]) | _ints
_numbers = st.recursive(
    _ints, lambda inner: _two(inner, ["+", "-", "*", "/", "%"]) | inner.map("-({})".format), max_leaves=6
)
_lists = st.lists(_sums, max_size=4).map(lambda items: f"[{', '.join(items)}]")
_simple = (
    _two(_numbers, ["==", "!=", "<", "<=", ">", ">="])
    | _two(_texts, ["==", "<", ">="])
    | st.builds("{} in {}".format, _sums, _lists)
    | st.builds("{}.{}(x, x {} {})".format, _lists, st.sampled_from(["all", "exists"]), st.sampled_from("<>"), _sums)
    | st.builds("{}.{}({})".format, _texts, st.sampled_from(["contains", "startsWith", "endsWith"]), _texts)
    | st.builds("size({} + {}) > {}".format, _texts, _texts, _ints)
)
_conditions = st.recursive(
    _simple,
    lambda inner: (
        _two(inner, ["&&", "||"]) | inner.map("!({})".format) | st.builds("({} ? {} : {})".format, inner, inner, inner)
    ),
    max_leaves=5,
)


@settings(max_examples=80, deadline=None)
@given(source=_conditions)
def test_agrees_with_another_implementation_on_whatever_is_written(source: str) -> None:
    try:
        ours: Any = value_of(source)
    except EvaluationFailed:
        ours = "no answer"
    try:
        theirs = other(source)
    except Exception:  # of whichever type: it is another's
        theirs = "no answer"
    assert ours == theirs
