"""Golden sets as files."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.engine.golden_files import Item, digest_of, keyed, read, text_of, written


def test_json_lines_are_read_and_what_is_wrong_is_told_by_line():
    text = '{"input": "Hi", "tags": ["a", "a"]}\nnonsense\n\n{"input": ""}\n{"input": "Hi"}\n{"inputs": "x"}\n'

    found = read(text, name="set.jsonl")

    assert [(item.input, item.tags) for item in found.items] == [("Hi", ["a"])]
    assert found.errors == [
        (2, "The line is not JSON."),
        (4, "The input is empty."),
        (5, "Line 1 has the same key and input."),
        (6, "There is no field 'inputs'; there are: key, input, expected, context, rubric, tags, split."),
    ]


def test_a_table_is_read_with_lists_in_cells_and_any_usual_delimiter():
    text = 'Input;Expected;Tags;Context;Split\nHi;Hello;"a, b";["one", "two"];test\n;;;;\nHo;;;;;too many\n'

    found = read(text, name="set.csv")

    assert found.items == [
        keyed(Item(input="Hi", expected="Hello", tags=["a", "b"], context=["one", "two"], split="test"))
    ]
    assert found.errors == [(4, "The row has 6 cells, the first row names 5 columns.")]


@pytest.mark.parametrize(
    ("text", "told"), [("", "one of them has to be"), ("a,b\n1,2", "one of them has to be"), ("input\n", "no items")]
)
def test_a_file_without_items_says_why(text: str, told: str):
    assert told in read(text, name="x.csv").errors[0][1]


def test_a_chat_is_an_input_as_well():
    chat = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}]

    [item] = read(msgspec.json.encode({"input": chat}).decode()).items

    assert text_of(item.input) == "Hi"
    assert "no role" in read('{"input": [{"role": "robot", "content": "x"}]}').errors[0][1]


def test_separators_of_unicode_end_no_line():
    item = keyed(Item(input="one\u2028two", expected="\x85"))

    assert read(b"".join(written([item])).decode(), name="x.jsonl").items == [item]
    assert [one.input for one in read('{"input": "a"}\r\n{"input": "b"}\r', name="x.jsonl").items] == ["a", "b"]


_texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(_texts.filter(str.strip), _texts, st.lists(_texts, max_size=2)), max_size=4))
def test_what_is_written_is_read_again(rows):
    items = {
        keyed(Item(input=a, expected=b, context=c)).key: keyed(Item(input=a, expected=b, context=c)) for a, b, c in rows
    }
    text = b"".join(written(list(items.values()))).decode()

    found = read(text, name="x.jsonl")

    assert found.items == list(items.values())
    assert [digest_of(item) for item in found.items] == [digest_of(item) for item in items.values()]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.sampled_from(["x.csv", "x.jsonl", ""]))
def test_any_text_gives_items_or_says_what_is_wrong(text: str, name: str):
    found = read(text, name=name)

    assert found.items or found.errors
