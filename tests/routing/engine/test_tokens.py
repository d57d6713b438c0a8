from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.chat import ChatRequest, EmbeddingRequest, FunctionDefinition, Message, Tool
from routing.engine.tokens import estimate_embedding_tokens, estimate_input_tokens, estimate_text_tokens


def of(content: str | list[dict], **fields: object) -> int:
    return estimate_input_tokens(ChatRequest(messages=[Message(role="user", content=content)], **fields))  # type: ignore[arg-type]


def test_text_is_a_token_for_three_bytes():
    assert estimate_text_tokens("abcdef") == 2
    assert estimate_text_tokens("") == 0
    assert estimate_text_tokens("日本") == 2


def test_messages_have_framing():
    assert of("abc") == 3 + 4 + 1


def test_tools_and_images_count():
    tool = Tool(type="function", function=FunctionDefinition("look_up", parameters={"type": "object"}))
    assert of("abc", tools=[tool]) > of("abc") + 10
    image = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    low = {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}}
    assert of([image]) == 3 + 4 + 1600
    assert of([low]) == 3 + 4 + 85


def test_token_arrays_are_counted_exactly():
    assert estimate_embedding_tokens(EmbeddingRequest(input=[1, 2, 3])) == 3
    assert estimate_embedding_tokens(EmbeddingRequest(input=[[1, 2], [3]])) == 3
    assert estimate_embedding_tokens(EmbeddingRequest(input=["abc", "abcd"])) == 3


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_estimated_and_more_text_is_never_fewer_tokens(text: str):
    assert 0 <= estimate_text_tokens(text) <= estimate_text_tokens(text + "x")
