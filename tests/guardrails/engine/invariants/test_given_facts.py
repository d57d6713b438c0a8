"""Facts as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from guardrails.engine.invariants.given_facts import facts_given


def test_any_part_can_be_left_out() -> None:
    facts = facts_given({"response": {"text": "Hi"}, "usage": {"input_tokens": 2, "output_tokens": 3}})
    assert (facts.response.text, facts.usage.total_tokens, facts.request.messages) == ("Hi", 5, [])
    assert facts_given({"response": "Hi"}).response.text == "Hi"


def test_bodies_are_taken_as_they_go_over_the_wire() -> None:
    request = {"model": "m", "temperature": 1, "route": "r", "messages": [{"role": "tool", "content": "20 EUR"}]}
    answer = {
        "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12, "prompt_tokens_details": {}},
    }
    facts = facts_given({"request": request, "response": answer})
    assert (facts.request.route, facts.request.parameters["temperature"]) == ("r", 1)
    assert facts.retrieval.text == "20 EUR"
    assert (facts.response.finish_reason, facts.usage.output_tokens, facts.usage.total_tokens) == ("stop", 7, 12)


def test_passages_make_the_text_of_the_context() -> None:
    facts = facts_given({"retrieval": {"passages": [{"text": "a"}, {"text": "b"}]}})
    assert facts.retrieval.text == "a\n\nb"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([], "Write an object"),
        ({"answer": {}}, "There is no answer; there are: request"),
        ({"usage": {"tokens": 1}}, "There is no usage.tokens"),
        ({"usage": {"output_tokens": "many"}}, "usage.output_tokens: Expected `int`, got `str`."),
        ({"request": 1}, "request: Expected"),
        ({"tenant": []}, ""),
    ],
)
def test_what_makes_no_sense_is_said(given: Any, problem: str) -> None:
    if not problem:
        assert facts_given(given).tenant.plan == ""
        return
    with pytest.raises(ValueError, match=problem.replace("`", ".")):
        facts_given(given)
