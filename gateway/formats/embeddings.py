"""``POST /v1/embeddings``: OpenAI's embeddings, plus Breakwater's fields."""

from __future__ import annotations

from contracts.chat import EmbeddingRequest, EmbeddingResult, JsonObject
from contracts.errors import InvalidRequest
from gateway.formats.base import AnswerFacts
from gateway.formats.validation import (
    MAX_MODEL_LENGTH,
    MAX_USER_LENGTH,
    convert,
    require_length,
    require_range,
    tags_of,
)

MAX_INPUTS = 2_048


def parse_embeddings(body: JsonObject) -> EmbeddingRequest:
    """The typed view of ``body``.

    Raises:
        InvalidRequest: what the gateway relies on is missing, of the wrong type, or out of range.
    """
    body.pop("__body__", None)
    request = convert(body, EmbeddingRequest)
    body.pop("priority", None)
    request.body = body
    _check_input(request.input)
    require_length(request.model, "model", MAX_MODEL_LENGTH)
    require_length(request.user, "user", MAX_USER_LENGTH)
    require_range(request.dimensions, "dimensions", 1, 65_536)
    tags_of(request.tags)
    return request


def _check_input(given: str | list[str | int | list[int]]) -> None:
    if not given:
        raise InvalidRequest("'input' must not be empty.", param="input")
    if isinstance(given, str):
        return
    kind = type(given[0])
    for position, member in enumerate(given):
        if type(member) is not kind:
            raise InvalidRequest("'input' mixes texts and tokens.", param=f"input[{position}]")
        if kind is not int and not member:
            raise InvalidRequest("'input' holds an empty member.", param=f"input[{position}]")
    if kind is not int and len(given) > MAX_INPUTS:
        raise InvalidRequest(f"'input' holds more than {MAX_INPUTS} members.", param="input")


def render_embeddings(result: EmbeddingResult, facts: AnswerFacts) -> JsonObject:
    """OpenAI's list object with our fields."""
    body = result.body
    body["object"] = "list"
    body.setdefault("model", facts.model)
    body["usage"] = {"prompt_tokens": facts.usage.input_tokens, "total_tokens": facts.usage.input_tokens}
    body.update(facts.as_fields())
    return body
