"""Citations of an answer that rests on documents, as the Messages API tells them: each passage is a search result.

The passages stand in the prompt in the order of their numbers, each as one block, so that ``[3]`` in the answer is the
search result with the index 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from contracts.chat import JsonObject
from gateway.engine.grounding.citing import numbers_in
from gateway.formats.base import AnswerFacts

LOCATION: Final = "search_result_location"


def citations_of(facts: AnswerFacts) -> dict[int, JsonObject]:
    """By number of the passage."""
    return {
        one["number"]: {
            "type": LOCATION,
            "cited_text": facts.cited_texts.get(one["number"], one["quote"]),
            "source": one["uri"] or one["external_id"],
            "title": one["title"],
            "search_result_index": one["number"] - 1,
            "start_block_index": 0,
            "end_block_index": 1,
        }
        for one in facts.citations
    }


def cite(blocks: list[JsonObject], facts: AnswerFacts) -> list[JsonObject]:
    """The content blocks of an answer, each text with what it cites."""
    known = citations_of(facts)
    for block in blocks if known else ():
        if block.get("type") != "text":
            continue
        named = [number for _, _, numbers in numbers_in(block.get("text") or "") for number in numbers]
        own = [known[number] for number in dict.fromkeys(named) if number in known]
        if own:
            block["citations"] = [*(block.get("citations") or ()), *own]
    return blocks


def without_own(contents: Iterable[Any]) -> None:
    """Take citations out of the turns of a conversation where they are of search results that it has not.

    They are of an earlier answer of ours: providers refuse citations that lead nowhere.
    """
    turns = [content for content in contents if isinstance(content, list)]
    if any(_has_results(block) for turn in turns for block in turn):
        return
    for turn in turns:
        for block in turn:
            if isinstance(block, dict) and isinstance(block.get("citations"), list):
                kept = [one for one in block["citations"] if not _is_ours(one)]
                if kept:
                    block["citations"] = kept
                else:
                    del block["citations"]


def _is_ours(citation: Any) -> bool:
    return isinstance(citation, dict) and citation.get("type") == LOCATION


def _has_results(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    inner = block.get("content")
    within = isinstance(inner, list) and any(map(_has_results, inner))
    return block.get("type") == "search_result" or within
