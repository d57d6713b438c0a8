"""What cannot be right is refused before it is ever evaluated, with the place and a hint."""

from __future__ import annotations

import pytest

from guardrails.engine.invariants.checking import check, check_condition
from guardrails.engine.invariants.facts import VARIABLES
from guardrails.engine.invariants.functions import LISTED
from guardrails.engine.invariants.parsing import MAX_LENGTH
from guardrails.engine.invariants.syntax import ExpressionError
from tests.guardrails.engine.invariants.expressions import problem_of

TYPES = [
    ("usage.output_tokens", "int"),
    ("usage.cost_usd", "double"),
    ("request.messages", "list(Message)"),
    ("request.messages[0].tool_calls[0].arguments", "dyn"),
    ("request.messages.map(m, m.text)", "list(string)"),
    ("request.messages.filter(m, m.role == 'user')", "list(Message)"),
    ("request.messages.exists(m, m.role == 'user')", "bool"),
    ("request.tags['plan']", "string"),
    ("request.tags.plan", "string"),
    ("request.parameters.temperature", "dyn"),
    ("amounts(response.text)[0].currency", "string"),
    ("dates(response.text)[0] - request.time", "duration"),
    ("request.time + duration('1h')", "timestamp"),
    ("[1, 2.0]", "list(dyn)"),
    ("{'a': 1}", "map(string, int)"),
    ("true ? 1 : 2", "int"),
    ("dyn(1) + dyn(2)", "dyn"),
    ("json(response.text).items.all(i, i.price > 0)", "bool"),
    ("sum(numbers(response.text))", "double"),
    ("request.messages[0].text.size() + 1", "int"),
    ("math.greatest(1, 2, 3)", "int"),
]

PROBLEMS = [
    ("response.txt == ''", "Line 1, column 10: response has no field 'txt'. Did you mean 'text'?"),
    ("reponse.text == ''", "Line 1, column 1: There is no 'reponse' here. Did you mean 'response'?"),
    ("true &&\n  usage.tokens > 1", "Line 2, column 9: usage has no field 'tokens'."),
    ("contain(response.text, 'a')", "Line 1, column 1: There is no function 'contain'. Did you mean 'contains'?"),
    ("response.text.size(1) > 0", "size(…) is not for string and int; it is size(string) → int"),
    ("usage.output_tokens + 1.5 > 2.0", "'+' does not go with int and double. Write whole numbers with a point"),
    ("'a' + 1 == 'a1'", "'+' does not go with string and int. Write int(…), double(…) or string(…)"),
    ("usage.output_tokens == 'many'", "int and string are never equal."),
    ("response.text == null", "string and null are never equal. Nothing is null here; ask has(…)."),
    ("request.messages == [1]", "list(Message) and list(int) are never equal."),
    ("response.text in [1, 2]", "'in' does not go with string and list(int)."),
    ("request.messages.text == ''", "A list(Message) has no fields, so no 'text'. Say of which item"),
    ("response.text.all(c, true)", ".all(…) goes over the items of a list or the keys of a map, not a text."),
    ("request.messages.all(m, m.text)", "What .all(…) says of an item is true or false; this is a text."),
    ("request.messages.all(usage, true)", "'usage' is a variable already; name the item otherwise."),
    ("response.text && true", "Both sides of && and || are true or false; this is a text."),
    ("usage.output_tokens ? true : false", "Before the question mark stands what is true or false"),
    ("(true ? 1 : 'a') == 1", "Both answers of '?' are of one type; these are int and string."),
    ("!response.text", "'!' does not go with string."),
    ("response.text.matches('(a')", "Line 1, column 23: This is not a regular expression of RE2: missing )"),
    ("request.time > timestamp('yesterday')", "This is not an instant such as"),
    ("request.time - request.time > duration('1 hour')", "This is not a duration such as"),
    ("jsonPath(1, 'items').size() > 0", "A JSON path begins with '$'"),
    ("numbers", "numbers is a function: numbers(string) → list(double)."),
    ("response.text.upper() == ''", "There is no function 'upper'."),
    ("Message{text: 'a'} == 1", "Messages cannot be made here; a map is written"),
    ("b'bytes' == b'bytes'", "Texts are never bytes here"),
    ("1u == 1u", "There are no unsigned numbers here"),
    ("request.?user == ''", "Optional fields ('.?') are not part of CEL's core"),
    ("{response.text.size(): 1, true: 2} == {}", "Keys are texts or whole numbers, not true or false."),
]


@pytest.mark.parametrize(("source", "kind"), TYPES)
def test_every_part_has_its_type(source: str, kind: str) -> None:
    assert str(check(source, VARIABLES).type) == kind


@pytest.mark.parametrize(("source", "problem"), PROBLEMS)
def test_says_what_is_wrong_and_where(source: str, problem: str) -> None:
    assert problem in problem_of(source)


@pytest.mark.parametrize("source", ["size(response.text)", "response.text", "request.messages.map(m, m.text)", "null"])
def test_a_condition_is_true_or_false(source: str) -> None:
    with pytest.raises(ExpressionError, match="must say what is true or false"):
        check_condition(source, VARIABLES)


@pytest.mark.parametrize(
    "source",
    [
        "'" + "a" * MAX_LENGTH + "' == ''",
        "(" * 50 + "true" + ")" * 50,
        "!" * 50 + "true",
        "[" * 50 + "]" * 50 + " == []",
        "1" + " + 1" * 100 + " > 0",
        " && ".join(["true"] * 700),
        "[1].all(a, [1].all(b, [1].all(c, [1].all(d, [1].all(e, true)))))",
        "response" + "['a']" * 100 + " == 1",
    ],
)
def test_an_expression_has_bounds(source: str) -> None:
    assert problem_of(source).startswith("Line ")


def test_the_fields_that_are_looked_at_are_known() -> None:
    checked = check("tenant.plan != 'free' || usage.output_tokens <= 2000 && tenant.plan != ''", VARIABLES)
    assert checked.paths == ("tenant.plan", "usage.output_tokens")
    assert checked.variables == {"tenant", "usage"}


@pytest.mark.parametrize("function", [one for one in LISTED if one.example], ids=lambda one: one.name)
def test_the_example_of_a_function_is_one(function: object) -> None:
    assert problem_of(function.example) == ""  # type: ignore[attr-defined]
