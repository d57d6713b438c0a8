from __future__ import annotations

from typing import Any

import pytest

from contracts.chat import EmbeddingResult
from contracts.errors import InvalidRequest
from gateway.formats.embeddings import parse_embeddings, render_embeddings
from tests.gateway.formats.test_openai import FACTS


@pytest.mark.parametrize("given", ["text", ["a", "b"], [1, 2, 3], [[1, 2], [3]]])
def test_texts_and_tokens_are_understood(given: Any) -> None:
    assert parse_embeddings({"model": "m", "input": given}).input == given


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, None),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a", 1]}, "input[1]"),
        ({"input": [[1], "a"]}, "input[1]"),
        ({"input": ["a"] * 2_049}, "input"),
        ({"input": 1}, "input"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_what_cannot_be_embedded_is_refused_by_name(body: dict[str, Any], param: str | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_embeddings(body)
    assert refused.value.param == param


def test_the_answer_is_openais_list_with_usage_and_cost() -> None:
    rendered = render_embeddings(EmbeddingResult({"data": [{"index": 0, "embedding": [0.1]}]}), FACTS)
    assert rendered["object"] == "list"
    assert rendered["usage"] == {"prompt_tokens": 9, "total_tokens": 9}
    assert rendered["cost"]["nanousd"] == 1_500_000
