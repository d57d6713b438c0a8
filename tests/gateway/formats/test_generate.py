from __future__ import annotations

import base64

import msgspec
import pytest

from contracts.chat import ChatChunk, ChatResult
from contracts.errors import InvalidRequest
from gateway.formats.generate import GenerateFormat
from tests.gateway.formats.test_openai import FACTS

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 16).decode()


def test_a_prompt_becomes_one_user_message() -> None:
    request = GenerateFormat(streamed=False).parse(
        {"prompt": "Hi", "user_id": "ann", "task_type": "summary", "max_tokens": 5, "model": "m", "system": "Be brief"}
    )
    assert [message.role for message in request.messages] == ["system", "user"]
    assert (request.user, request.max_tokens, request.model, request.stream) == ("ann", 5, "m", False)
    assert request.tags == {"task_type": "summary"}


def test_the_path_decides_whether_it_streams() -> None:
    assert GenerateFormat(streamed=True).parse({"prompt": "Hi"}).stream is True


def test_images_are_urls_data_uris_or_bare_base64() -> None:
    request = GenerateFormat(streamed=False).parse(
        {"prompt": "Hi", "images": ["https://example.com/a.png", "data:image/png;base64,AA==", PNG]}
    )
    content = request.messages[0].content
    assert isinstance(content, list)
    urls = [part["image_url"]["url"] for part in content[1:]]
    assert urls[0] == "https://example.com/a.png"
    assert urls[2].startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, None),
        ({"prompt": 1}, "prompt"),
        ({"prompt": "Hi", "max_token": 5}, None),
        ({"prompt": "Hi", "images": ["not an image"]}, "images"),
        ({"prompt": "Hi", "images": [base64.b64encode(b"plain text").decode()]}, "images"),
    ],
)
def test_what_it_does_not_understand_is_refused(body: dict[str, object], param: str | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        GenerateFormat(streamed=False).parse(body)
    assert refused.value.param == param


def test_an_answer_is_a_text_with_its_facts() -> None:
    result = ChatResult({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]})
    rendered = GenerateFormat(streamed=False).render(result, FACTS)
    assert rendered["output_text"] == "Hello"
    assert rendered["usage"] == {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}
    assert rendered["cost"]["nanousd"] == 1_500_000


def test_a_stream_is_tokens_and_then_the_whole() -> None:
    format_ = GenerateFormat(streamed=True)
    renderer = format_.open_stream(format_.parse({"prompt": "Hi"}), correlation_id="req_1")
    data = b""
    for text in ("Hel", "lo"):
        data += renderer.feed(ChatChunk({"choices": [{"index": 0, "delta": {"content": text}}]}))
    data += renderer.feed(ChatChunk({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
    data += renderer.finish(FACTS)
    blocks = [block.split(b"\ndata: ") for block in data.split(b"\n\n") if block]
    assert [name for name, _ in blocks] == [b"event: token", b"event: token", b"event: done"]
    done = msgspec.json.decode(blocks[-1][1])
    assert (done["output_text"], done["finish_reason"]) == ("Hello", "stop")
