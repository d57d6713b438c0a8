"""What OpenAI's API reference allows in a request (createChatCompletion, createEmbedding), as strict types.

``test_openai`` compares the field names with those of the official client's own request types.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Object = dict[str, Any]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Share = Annotated[float, Meta(ge=0, le=1)]


class Strict(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An object with these fields and no other."""


class ImageUrl(Strict):
    url: str
    detail: Literal["auto", "low", "high"] | None = None


class InputAudio(Strict):
    data: str
    format: Literal["wav", "mp3"]


class File(Strict):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class TextPart(Strict, tag_field="type", tag="text"):
    text: str


class ImagePart(Strict, tag_field="type", tag="image_url"):
    image_url: ImageUrl


class AudioPart(Strict, tag_field="type", tag="input_audio"):
    input_audio: InputAudio


class FilePart(Strict, tag_field="type", tag="file"):
    file: File


class RefusalPart(Strict, tag_field="type", tag="refusal"):
    refusal: str


class FunctionCall(Strict):
    name: str
    arguments: str


class FunctionToolCall(Strict, tag_field="type", tag="function"):
    id: str
    function: FunctionCall


class CustomCall(Strict):
    name: str
    input: str


class CustomToolCall(Strict, tag_field="type", tag="custom"):
    id: str
    custom: CustomCall


class SystemMessage(Strict, tag_field="role", tag="system"):
    content: str | list[TextPart]
    name: str | None = None


class DeveloperMessage(Strict, tag_field="role", tag="developer"):
    content: str | list[TextPart]
    name: str | None = None


class UserMessage(Strict, tag_field="role", tag="user"):
    content: str | list[TextPart | ImagePart | AudioPart | FilePart]
    name: str | None = None


class AssistantMessage(Strict, tag_field="role", tag="assistant"):
    content: str | list[TextPart | RefusalPart] | None = None
    refusal: str | None = None
    name: str | None = None
    audio: Object | None = None
    tool_calls: list[FunctionToolCall | CustomToolCall] | None = None
    function_call: FunctionCall | None = None


class ToolMessage(Strict, tag_field="role", tag="tool"):
    content: str | list[TextPart]
    tool_call_id: str


class FunctionMessage(Strict, tag_field="role", tag="function"):
    content: str | None
    name: str


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage


class FunctionDefinition(Strict):
    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: Object | None = None
    strict: bool | None = None


class FunctionTool(Strict, tag_field="type", tag="function"):
    function: FunctionDefinition


class CustomTool(Strict, tag_field="type", tag="custom"):
    custom: Object


class JsonSchema(Strict):
    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    schema: Object | None = None
    strict: bool | None = None


class TextFormat(Strict, tag_field="type", tag="text"):
    pass


class JsonObjectFormat(Strict, tag_field="type", tag="json_object"):
    pass


class JsonSchemaFormat(Strict, tag_field="type", tag="json_schema"):
    json_schema: JsonSchema


class StreamOptions(Strict):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class NamedFunction(Strict):
    name: str


class FunctionChoice(Strict, tag_field="type", tag="function"):
    function: NamedFunction


class AllowedChoice(Strict, tag_field="type", tag="allowed_tools"):
    allowed_tools: Object


class CustomChoice(Strict, tag_field="type", tag="custom"):
    custom: Object


class ChatBody(Strict):
    """``CreateChatCompletionRequest``."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    model: str
    audio: Object | None = None
    frequency_penalty: Penalty | None = None
    function_call: str | NamedFunction | None = None
    functions: list[FunctionDefinition] | None = None
    logit_bias: dict[str, Annotated[int, Meta(ge=-100, le=100)]] | None = None
    logprobs: bool | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    metadata: dict[str, str] | None = None
    modalities: list[Literal["text", "audio"]] | None = None
    moderation: Object | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    parallel_tool_calls: bool | None = None
    prediction: Object | None = None
    presence_penalty: Penalty | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Object | None = None
    prompt_cache_retention: str | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    response_format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None
    safety_identifier: str | None = None
    seed: int | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority"] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    tool_choice: Literal["none", "auto", "required"] | AllowedChoice | FunctionChoice | CustomChoice | None = None
    tools: list[FunctionTool | CustomTool] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    top_p: Share | None = None
    user: str | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    web_search_options: Object | None = None


class EmbeddingsBody(Strict):
    """``CreateEmbeddingRequest``."""

    input: str | list[str | int | list[int]]
    model: str
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None
