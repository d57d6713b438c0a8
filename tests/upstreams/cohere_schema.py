"""What Cohere's API reference allows in a request (/v2/chat, /v2/embed), as strict types.

``test_cohere`` compares the field names with those of the official client's own types.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Object = dict[str, Any]


class Strict(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An object with these fields and no other."""


class ImageUrl(Strict):
    url: str
    detail: Literal["auto", "low", "high"] | None = None


class TextContent(Strict, tag_field="type", tag="text"):
    text: str


class ImageUrlContent(Strict, tag_field="type", tag="image_url"):
    image_url: ImageUrl


class ThinkingContent(Strict, tag_field="type", tag="thinking"):
    thinking: str


class Document(Strict):
    data: Object
    id: str | None = None


class DocumentContent(Strict, tag_field="type", tag="document"):
    document: Document


class Function(Strict):
    name: str | None = None
    arguments: str | None = None


class ToolCall(Strict):
    id: str
    type: Literal["function"]
    function: Function | None = None


class SystemMessage(Strict, tag_field="role", tag="system"):
    content: str | list[TextContent]


class UserMessage(Strict, tag_field="role", tag="user"):
    content: str | list[TextContent | ImageUrlContent]


class AssistantMessage(Strict, tag_field="role", tag="assistant"):
    tool_calls: list[ToolCall] | None = None
    tool_plan: str | None = None
    content: str | list[TextContent | ThinkingContent] | None = None
    citations: list[Object] | None = None


class ToolMessage(Strict, tag_field="role", tag="tool"):
    tool_call_id: str
    content: str | list[TextContent | DocumentContent]


class ToolFunction(Strict):
    name: Annotated[str, Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_-]*$")]
    parameters: Object
    description: str | None = None


class Tool(Strict):
    type: Literal["function"]
    function: ToolFunction


class TextFormat(Strict, tag_field="type", tag="text"):
    pass


class JsonObjectFormat(Strict, tag_field="type", tag="json_object"):
    json_schema: Object | None = None


class CitationOptions(Strict):
    mode: Literal["ENABLED", "DISABLED", "FAST", "ACCURATE", "OFF"] | None = None


class Thinking(Strict):
    type: Literal["enabled", "disabled"]
    token_budget: Annotated[int, Meta(ge=1)] | None = None


class ChatBody(Strict):
    """``POST /v2/chat``."""

    model: str
    messages: Annotated[list[SystemMessage | UserMessage | AssistantMessage | ToolMessage], Meta(min_length=1)]
    stream: bool = False
    tools: list[Tool] | None = None
    strict_tools: bool | None = None
    documents: list[str | Document] | None = None
    citation_options: CitationOptions | None = None
    response_format: TextFormat | JsonObjectFormat | None = None
    safety_mode: Literal["CONTEXTUAL", "STRICT", "OFF"] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    stop_sequences: Annotated[list[str], Meta(max_length=5)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    seed: Annotated[int, Meta(ge=0)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Meta(ge=0, le=1)] | None = None
    k: Annotated[int, Meta(ge=0, le=500)] | None = None
    p: Annotated[float, Meta(ge=0.01, le=0.99)] | None = None
    logprobs: bool | None = None
    tool_choice: Literal["REQUIRED", "NONE"] | None = None
    thinking: Thinking | None = None
    priority: Annotated[int, Meta(ge=0, le=999)] | None = None


class EmbedBody(Strict):
    """``POST /v2/embed``."""

    model: str
    input_type: Literal["search_document", "search_query", "classification", "clustering", "image"]
    texts: Annotated[list[str], Meta(max_length=96)] | None = None
    images: Annotated[list[str], Meta(max_length=1)] | None = None
    inputs: Annotated[list[Object], Meta(max_length=96)] | None = None
    max_tokens: int | None = None
    output_dimension: Literal[256, 512, 1024, 1536] | None = None
    embedding_types: list[Literal["float", "int8", "uint8", "binary", "ubinary", "base64"]] | None = None
    truncate: Literal["NONE", "START", "END"] | None = None
    priority: Annotated[int, Meta(ge=0, le=999)] | None = None
