"""Citations of ours in the turns of a conversation, beside a caller's own."""

from __future__ import annotations

from typing import Any

from gateway.formats.messages_citations import without_own


def citation(kind: str = "search_result_location") -> dict[str, Any]:
    return {"type": kind, "cited_text": "Staff have leave."}


def turn(*citations: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": "Staff have leave [1].", "citations": list(citations)}]


def test_those_of_search_results_that_are_not_there_go_and_others_stay() -> None:
    turns: list[Any] = ["How much?", turn(citation(), citation("char_location")), turn(citation())]
    without_own(turns)
    assert turns[1][0]["citations"] == [citation("char_location")]
    assert "citations" not in turns[2][0]


def test_a_conversation_with_search_results_of_its_own_keeps_all() -> None:
    result = {"type": "search_result", "source": "a", "title": "A", "content": [{"type": "text", "text": "Leave."}]}
    for given in (result, {"type": "tool_result", "tool_use_id": "t", "content": [result]}):
        turns: list[Any] = [[given], turn(citation())]
        without_own(turns)
        assert turns[1] == turn(citation())
