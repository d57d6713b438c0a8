"""Which texts of requests and answers rules are shown."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.guardrails import Stage
from gateway.engine.guarded_texts import answer_texts, request_texts

TOOL_CALL = {"id": "1", "function": {"name": "find", "arguments": '{"query": "said"}'}}


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "said"},
        {"role": "user", "content": [{"type": "text", "text": "said"}, {"type": "image_url", "image_url": {}}]},
        {"role": "assistant", "refusal": "said"},
        {"role": "assistant", "content": None, "reasoning_content": "said"},
        {"role": "assistant", "content": "", "tool_calls": [TOOL_CALL]},
        {"role": "assistant", "tool_calls": [TOOL_CALL]},
        {"role": "assistant", "function_call": TOOL_CALL["function"]},
    ],
)
def test_what_a_message_says_is_shown_wherever_it_stands(message: dict[str, Any]) -> None:
    assert [place.text for place in request_texts({"messages": [message]}).at(Stage.INPUT)] == ["said"]


@pytest.mark.parametrize(
    ("message", "stage"),
    [
        ({"content": "said"}, Stage.OUTPUT),
        ({"content": [{"type": "text", "text": "said"}]}, Stage.OUTPUT),
        ({"content": None, "refusal": "said"}, Stage.OUTPUT),
        ({"content": "", "reasoning": "said"}, Stage.OUTPUT),
        ({"content": None, "tool_calls": [TOOL_CALL]}, Stage.TOOL_CALL),
        ({"function_call": TOOL_CALL["function"]}, Stage.TOOL_CALL),
    ],
)
def test_what_an_answer_says_is_shown_wherever_it_stands(message: dict[str, Any], stage: Stage) -> None:
    texts = answer_texts({"choices": [{"message": message}]})
    assert [(place.text, place.stage) for place in texts.places] == [("said", stage)]
