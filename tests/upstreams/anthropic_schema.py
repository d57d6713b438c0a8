"""The request of ``POST /v1/messages`` as Anthropic's API reference and SDK publish it, field by field."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec


class Strict(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Refuses fields that are not in the reference."""


class CacheControl(Strict, kw_only=True):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] = "5m"


class Metadata(Strict, kw_only=True):
    user_id: Annotated[str, msgspec.Meta(max_length=512)] | None = None


class JsonOutputFormat(Strict, kw_only=True):
    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(Strict, kw_only=True):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: JsonOutputFormat | None = None


class ThinkingEnabled(Strict, kw_only=True, tag_field="type", tag="enabled"):
    budget_tokens: Annotated[int, msgspec.Meta(ge=1024)]
    display: Literal["summarized", "omitted"] | None = None


class ThinkingDisabled(Strict, kw_only=True, tag_field="type", tag="disabled"):
    pass


class ThinkingAdaptive(Strict, kw_only=True, tag_field="type", tag="adaptive"):
    display: Literal["summarized", "omitted"] | None = None


class ThinkingBetweenTools(Strict, kw_only=True, tag_field="type", tag="between_tools"):
    pass


class ChoiceAuto(Strict, kw_only=True, tag_field="type", tag="auto"):
    disable_parallel_tool_use: bool = False


class ChoiceAny(Strict, kw_only=True, tag_field="type", tag="any"):
    disable_parallel_tool_use: bool = False


class ChoiceTool(Strict, kw_only=True, tag_field="type", tag="tool"):
    name: str
    disable_parallel_tool_use: bool = False


class ChoiceNone(Strict, kw_only=True, tag_field="type", tag="none"):
    pass


class Tool(Strict, kw_only=True):
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
    input_schema: dict[str, Any]
    type: Literal["custom"] | None = None
    description: str | None = None
    cache_control: CacheControl | None = None
    strict: bool = False
    defer_loading: bool = False
    eager_input_streaming: bool | None = None
    allowed_callers: list[str] | None = None
    input_examples: list[dict[str, Any]] | None = None


class Base64Source(Strict, kw_only=True, tag_field="type", tag="base64"):
    media_type: str
    data: str


class UrlSource(Strict, kw_only=True, tag_field="type", tag="url"):
    url: str


class FileSource(Strict, kw_only=True, tag_field="type", tag="file"):
    file_id: str


class TextSource(Strict, kw_only=True, tag_field="type", tag="text"):
    media_type: Literal["text/plain"]
    data: str


class ContentSource(Strict, kw_only=True, tag_field="type", tag="content"):
    content: str | list[dict[str, Any]]


class Citations(Strict, kw_only=True):
    enabled: bool = False


class Text(Strict, kw_only=True, tag_field="type", tag="text"):
    text: Annotated[str, msgspec.Meta(min_length=1)]
    cache_control: CacheControl | None = None
    citations: list[dict[str, Any]] | None = None


class Image(Strict, kw_only=True, tag_field="type", tag="image"):
    source: Base64Source | UrlSource | FileSource
    cache_control: CacheControl | None = None


class Document(Strict, kw_only=True, tag_field="type", tag="document"):
    source: Base64Source | UrlSource | FileSource | TextSource | ContentSource
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None
    cache_control: CacheControl | None = None


class Thinking(Strict, kw_only=True, tag_field="type", tag="thinking"):
    thinking: str
    signature: Annotated[str, msgspec.Meta(min_length=1)]


class RedactedThinking(Strict, kw_only=True, tag_field="type", tag="redacted_thinking"):
    data: str


class ToolUse(Strict, kw_only=True, tag_field="type", tag="tool_use"):
    id: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_-]+$")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    input: dict[str, Any]
    cache_control: CacheControl | None = None
    caller: dict[str, Any] | None = None


class ToolResult(Strict, kw_only=True, tag_field="type", tag="tool_result"):
    tool_use_id: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_-]+$")]
    content: str | list[Text | Image | Document] = ""
    is_error: bool = False
    cache_control: CacheControl | None = None


Block = Text | Image | Document | Thinking | RedactedThinking | ToolUse | ToolResult


class Message(Strict, kw_only=True):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]

    @property
    def blocks(self) -> list[Block]:
        """The content as a list."""
        if isinstance(self.content, str):
            return [Text(text=self.content)] if self.content else []
        return self.content


class Request(Strict, kw_only=True):
    """``temperature``, ``top_p`` and ``top_k`` are in the reference for version 2023-06-01 only."""

    model: str
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] = 0
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    system: str | list[Text] | None = None
    metadata: Metadata | None = None
    stop_sequences: list[str] | None = None
    stream: bool = False
    temperature: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0)] | None = None
    thinking: ThinkingEnabled | ThinkingDisabled | ThinkingAdaptive | ThinkingBetweenTools | None = None
    tool_choice: ChoiceAuto | ChoiceAny | ChoiceTool | ChoiceNone | None = None
    tools: list[Tool] | None = None
    output_config: OutputConfig | None = None
    cache_control: CacheControl | None = None
    container: str | None = None
    inference_geo: str | None = None
    service_tier: Literal["auto", "standard_only"] | None = None


IMAGE_TYPES = {"image/jpeg", "image/png", "image/gif", "image/webp"}

_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


class Refused(Exception):
    """The reference does not allow the request; the text is in Anthropic's words (``path: what``)."""


def read_request(body: bytes, *, counting: bool = False) -> Request:
    """The checked request.

    Raises:
        Refused: it is not what the reference allows.
    """
    try:
        request = msgspec.json.decode(body, type=Request)
    except msgspec.ValidationError as error:
        text = str(error)
        match = _PATH.search(text)
        path = re.sub(r"\[(?:\.\.\.|(\d+))\]", r".\1", match["path"]) if match else ""
        raise Refused(f"{path or 'body'}: {text[: match.start()] if match else text}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"The request body is not valid JSON: {error}") from error
    for complaint in _complaints(request, counting=counting):
        raise Refused(complaint)
    return request


def _complaints(request: Request, *, counting: bool) -> Iterator[str]:
    if not counting and not request.max_tokens:
        yield "max_tokens: Field required"
    if request.messages[0].role != "user":
        yield 'messages: first message must use the "user" role'
    yield from _tool_complaints(request)
    if isinstance(request.thinking, ThinkingEnabled):
        if request.thinking.budget_tokens >= request.max_tokens:
            yield "`max_tokens` must be greater than `thinking.budget_tokens`"
        if request.temperature not in (None, 1):
            yield "`temperature` may only be set to 1 when thinking is enabled"
    form = request.output_config.format if request.output_config else None
    if form is not None:
        yield from _open_objects(form.schema)
    yield from _conversation_complaints(request.messages)


def _tool_complaints(request: Request) -> Iterator[str]:
    names = [tool.name for tool in request.tools or ()]
    if len(set(names)) != len(names):
        yield "tools: Tool names must be unique."
    for index, tool in enumerate(request.tools or ()):
        if tool.input_schema.get("type") != "object":
            yield f"tools.{index}.custom.input_schema.type: Field required"
    if request.tool_choice is not None and not request.tools:
        yield "tool_choice: tool_choice may only be specified while providing tools"
    if isinstance(request.tool_choice, ChoiceTool) and request.tool_choice.name not in names:
        yield f"Tool '{request.tool_choice.name}' not found in provided tools"


def _conversation_complaints(messages: list[Message]) -> Iterator[str]:
    waiting: set[str] = set()
    for index, message in enumerate(messages):
        results = {block.tool_use_id for block in message.blocks if isinstance(block, ToolResult)}
        if message.role == "user":
            if waiting - results:
                missing = ", ".join(sorted(waiting - results))
                yield (
                    f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                    f"{missing}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
                    "message."
                )
            if results - waiting:
                extra = ", ".join(sorted(results - waiting))
                yield f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {extra}"
        elif results:
            yield f"messages.{index}: `tool_result` blocks can only be in `user` messages"
        if not message.blocks and index != len(messages) - 1:
            yield f"messages.{index}: all messages must have non-empty content except for the optional final message"
        waiting = {block.id for block in message.blocks if isinstance(block, ToolUse)}
        for position, block in enumerate(message.blocks):
            if isinstance(block, Image | Document):
                yield from _source_complaints(block, f"messages.{index}.content.{position}")
            if message.role == "user" and isinstance(block, ToolUse | Thinking | RedactedThinking):
                yield f"messages.{index}: `{block.__struct_config__.tag}` blocks can only be in `assistant` messages"


def _source_complaints(block: Image | Document, where: str) -> Iterator[str]:
    source = block.source
    if isinstance(source, UrlSource) and not source.url.startswith(("http://", "https://")):
        yield f"{where}.source.url: Only HTTP URLs are supported"
    if not isinstance(source, Base64Source):
        return
    allowed = IMAGE_TYPES if isinstance(block, Image) else {"application/pdf"}
    if source.media_type not in allowed:
        yield f"{where}.source.base64.media_type: Input should be one of {sorted(allowed)}"
    try:
        base64.b64decode(source.data, validate=True)
    except binascii.Error:
        yield f"{where}.source.base64.data: Invalid base64"


def _open_objects(schema: Any) -> Iterator[str]:
    """Structured outputs take only closed objects."""
    if isinstance(schema, list):
        for item in schema:
            yield from _open_objects(item)
    if isinstance(schema, dict):
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            yield (
                "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
            )
        for value in schema.values():
            yield from _open_objects(value)
