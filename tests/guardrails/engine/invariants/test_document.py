"""docs/INVARIANTS.md says what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guardrails.documents import read_policies
from guardrails.engine.invariants.functions import LISTED
from guardrails.pages.invariant_help import EXAMPLES, functions, variables
from guardrails.validators import problems_of, stored
from tests.guardrails.engine.invariants.expressions import problem_of

DOCUMENT = (Path(__file__).parents[4] / "docs" / "INVARIANTS.md").read_text()


def test_every_field_is_listed_with_its_type() -> None:
    for group in variables():
        for entry in group.entries:
            assert f"| `{entry.text}` | `{entry.kind}` |" in DOCUMENT


def test_every_function_is_listed_with_all_ways_to_call_it() -> None:
    for group in functions():
        for entry in group.entries:
            assert "<br>".join(f"`{line}`" for line in entry.kind.splitlines()) in DOCUMENT
    assert sum(len(group.entries) for group in functions()) == len(LISTED)


@pytest.mark.parametrize("source", re.findall(r"```cel\n(.*?)\n```", DOCUMENT, re.DOTALL))
def test_every_example_can_be_used(source: str) -> None:
    assert problem_of(source) == ""


def test_every_example_of_the_editor_is_shown() -> None:
    assert all(f"{example.title}:\n\n```cel\n{example.expression}\n```" in DOCUMENT for example in EXAMPLES)


def test_the_file_is_one() -> None:
    [text] = re.findall(r"```yaml\n(.*?)\n```", DOCUMENT, re.DOTALL)
    [document] = read_policies(text)
    assert list(problems_of([stored(rule) for rule in document.rules])) == []
