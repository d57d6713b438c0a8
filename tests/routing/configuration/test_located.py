import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.money import to_nano_usd, to_usd
from routing.configuration.located import Problems, Section, parse


def read(text: str) -> tuple[Section, Problems]:
    problems = Problems()
    section = parse(text, file="x.yaml", problems=problems)
    assert section is not None
    return section, problems


def messages(problems: Problems) -> list[str]:
    return [str(problem) for problem in problems]


def test_a_syntax_error_is_told_with_its_line():
    problems = Problems()
    assert parse("a: 1\nb: [1, 2\nc: 3\n", file="x.yaml", problems=problems) is None
    [problem] = problems
    assert problem.line in (2, 3)
    assert str(problem).startswith(f"x.yaml:{problem.line}: ")


def test_a_key_written_twice_is_told_with_its_line():
    problems = Problems()
    assert parse("a: 1\nb: 2\na: 3\n", file="x.yaml", problems=problems) is None
    [problem] = problems
    assert problem.line == 3
    assert "duplicate key" in problem.message


def test_an_empty_file_is_an_empty_section():
    section, problems = read("# nothing but a remark\n")
    assert section.named("providers") == []
    section.finish()
    assert not problems


def test_a_list_at_the_top_is_refused():
    _section, problems = read("- a\n- b\n")
    assert messages(problems) == ["x.yaml:1: the file is a mapping (name: value), not a list"]


def test_an_unknown_key_is_told_with_a_suggestion():
    section, problems = read("timeout_ms: 1\n\ntimeuot_ms: 2\n")
    section.whole("timeout_ms")
    section.finish()
    assert messages(problems) == ["x.yaml:3: timeuot_ms: unknown key (did you mean 'timeout_ms'?)"]


@pytest.mark.parametrize("value", ["-1", "1.5", "'3'", "true", "[1]", "{a: 1}"])
def test_a_whole_number_of_the_wrong_kind_is_a_problem_and_reads_as_the_default(value: str):
    section, problems = read(f"a: 0\nn: {value}\n")
    assert section.whole("n", 7) == 7
    [problem] = problems
    assert problem.line == 2
    assert "whole number of at least 0" in problem.message


@pytest.mark.parametrize("value", ["1", "'true'", "yes"])
def test_only_true_and_false_are_flags(value: str):
    section, problems = read(f"on: {value}\n")
    assert section.flag("on", default=True) is True
    assert problems


def test_a_number_is_kept_within_its_bounds():
    section, problems = read("a: 0.5\nb: 1.5\nc: .nan\n")
    assert section.number("a", minimum=0, maximum=1) == 0.5
    assert section.number("b", minimum=0, maximum=1) is None
    assert section.number("c", minimum=0, maximum=1) is None
    assert [problem.line for problem in problems] == [2, 3]


def test_a_single_text_counts_as_a_list_of_one():
    section, problems = read("mode: direct\nmodes: [direct, rag]\n")
    assert section.texts("mode") == ["direct"]
    assert section.texts("modes") == ["direct", "rag"]
    assert not problems


def test_each_wrong_element_of_a_list_is_told_at_its_own_line():
    section, problems = read("caps:\n  - chat\n  - 3\n  - chatt\n  - chat\n")
    assert section.texts("caps", ["chat", "tools"]) == ["chat"]
    assert [problem.line for problem in problems] == [3, 4, 5]


def test_a_timestamp_is_no_option():
    section, problems = read("options:\n  since: 2024-01-01\n")
    found = section.get("options")
    assert found is not None
    assert found.plain() is None
    assert "put it in quotes" in messages(problems)[0]


def test_named_entries_are_a_mapping_or_a_list():
    mapping, _ = read("models:\n  a: {x: 1}\n  b:\n")
    listed, problems = read("models:\n  - name: a\n    x: 1\n  - b\n  - {y: 2}\n")
    assert [name for name, _entry in mapping.named("models")] == ["a", "b"]
    assert [name for name, _entry in listed.named("models", bare=True)] == ["a", "b"]
    assert messages(problems) == ["x.yaml:5: models[2] has no name"]


def test_merged_keys_are_read_where_they_are_merged():
    section, problems = read("base: &base\n  timeout_ms: 5\nother:\n  <<: *base\n  max: 2\n")
    assert section.section("other").whole("timeout_ms") == 5
    assert not problems


@given(st.text(max_size=200))
def test_no_text_makes_the_parser_fail_otherwise_than_by_a_problem(text: str):
    problems = Problems()
    section = parse(text, file="x.yaml", problems=problems)
    assert (section is None) <= bool(problems)
    if section is not None:
        section.named("providers")
        section.finish()


@given(st.integers(min_value=0, max_value=10**15))
def test_a_price_reads_back_as_it_was_written(nano: int):
    section, problems = read(f"price: {format(to_usd(nano), 'f')}\n")
    amount = section.decimal("price")
    assert not problems
    assert amount is not None
    assert to_nano_usd(amount) == nano
