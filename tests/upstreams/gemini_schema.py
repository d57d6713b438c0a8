"""Requests of the Gemini API (v1beta) as Google's reference and client publish them, field by field."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar

import msgspec

T = TypeVar("T")


class Strict(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """Refuses fields that are not in the reference. The API reads camelCase and snake_case; clients send camelCase."""


class Blob(Strict, kw_only=True, rename="camel"):
    mime_type: str
    data: str
    display_name: str | None = None


class FileData(Strict, kw_only=True, rename="camel"):
    file_uri: str
    mime_type: str | None = None
    display_name: str | None = None


class FunctionCall(Strict, kw_only=True, rename="camel"):
    name: str
    args: dict[str, Any] | None = None
    id: str | None = None


class FunctionResponsePart(Strict, kw_only=True, rename="camel"):
    inline_data: Blob | None = None
    file_data: FileData | None = None


class FunctionResponse(Strict, kw_only=True, rename="camel"):
    name: str
    response: dict[str, Any]
    id: str | None = None
    parts: list[FunctionResponsePart] | None = None
    will_continue: bool | None = None
    scheduling: str | None = None


class Part(Strict, kw_only=True, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: dict[str, Any] | None = None
    code_execution_result: dict[str, Any] | None = None
    video_metadata: dict[str, Any] | None = None
    media_resolution: dict[str, Any] | None = None
    part_metadata: dict[str, Any] | None = None


class Content(Strict, kw_only=True, rename="camel"):
    parts: Annotated[list[Part], msgspec.Meta(min_length=1)]
    role: Literal["user", "model", "function"] | None = None


class FunctionDeclaration(Strict, kw_only=True, rename="camel"):
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$")]
    description: str | None = None
    behavior: str | None = None
    parameters: dict[str, Any] | None = None
    parameters_json_schema: dict[str, Any] | None = None
    response: dict[str, Any] | None = None
    response_json_schema: dict[str, Any] | None = None


class Tool(Strict, kw_only=True, rename="camel"):
    function_declarations: list[FunctionDeclaration] | None = None
    google_search: dict[str, Any] | None = None
    google_search_retrieval: dict[str, Any] | None = None
    code_execution: dict[str, Any] | None = None
    url_context: dict[str, Any] | None = None
    google_maps: dict[str, Any] | None = None
    file_search: dict[str, Any] | None = None


class FunctionCallingConfig(Strict, kw_only=True, rename="camel"):
    mode: Literal["AUTO", "ANY", "NONE", "VALIDATED"] = "AUTO"
    allowed_function_names: list[str] | None = None


class ToolConfig(Strict, kw_only=True, rename="camel"):
    function_calling_config: FunctionCallingConfig | None = None
    retrieval_config: dict[str, Any] | None = None


class SafetySetting(Strict, kw_only=True, rename="camel"):
    category: str
    threshold: str


class ThinkingConfig(Strict, kw_only=True, rename="camel"):
    include_thoughts: bool | None = None
    thinking_budget: Annotated[int, msgspec.Meta(ge=-1, le=32_768)] | None = None
    thinking_level: Literal["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"] | None = None


class GenerationConfig(Strict, kw_only=True, rename="camel"):
    stop_sequences: Annotated[list[str], msgspec.Meta(max_length=5)] | None = None
    response_mime_type: Literal["text/plain", "application/json", "text/x.enum"] | None = None
    response_schema: dict[str, Any] | None = None
    response_json_schema: Any = None
    response_modalities: list[str] | None = None
    candidate_count: Annotated[int, msgspec.Meta(ge=1, le=8)] | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_k: Annotated[float, msgspec.Meta(ge=1)] | None = None
    seed: int | None = None
    presence_penalty: Annotated[float, msgspec.Meta(ge=-2, lt=2)] | None = None
    frequency_penalty: Annotated[float, msgspec.Meta(ge=-2, lt=2)] | None = None
    response_logprobs: bool | None = None
    logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    speech_config: dict[str, Any] | None = None
    thinking_config: ThinkingConfig | None = None
    media_resolution: str | None = None
    enable_enhanced_civic_answers: bool | None = None


class GenerateRequest(Strict, kw_only=True, rename="camel"):
    contents: Annotated[list[Content], msgspec.Meta(min_length=1)]
    model: str | None = None
    tools: list[Tool] | None = None
    tool_config: ToolConfig | None = None
    safety_settings: list[SafetySetting] | None = None
    system_instruction: Content | None = None
    generation_config: GenerationConfig | None = None
    cached_content: str | None = None
    service_tier: str | None = None
    store: bool | None = None

    @property
    def generation(self) -> GenerationConfig:
        """The generation config, empty when none was sent."""
        return self.generation_config or GenerationConfig()

    @property
    def functions(self) -> list[FunctionDeclaration]:
        """All declared functions."""
        return [function for tool in self.tools or () for function in tool.function_declarations or ()]


class EmbedRequest(Strict, kw_only=True, rename="camel"):
    content: Content
    model: str | None = None
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: Annotated[int, msgspec.Meta(ge=1)] | None = None
    auto_truncate: bool | None = None


class BatchEmbedRequest(Strict, kw_only=True, rename="camel"):
    requests: Annotated[list[EmbedRequest], msgspec.Meta(min_length=1, max_length=100)]


class Refused(Exception):
    """The reference does not allow the request."""


def read(body: bytes, type_: type[T]) -> T:
    """The typed request.

    Raises:
        Refused: unknown or malformed fields, in Google's words as far as it has any.
    """
    try:
        return msgspec.convert(_in_camel_case(msgspec.json.decode(body)), type_)
    except msgspec.ValidationError as error:
        text = str(error)
        unknown = re.search(r"unknown field `(\w+)`(?: - at `\$\.?([^`]*)`)?", text)
        if unknown:
            where = unknown[2] or "root"
            text = f"Unknown name \"{unknown[1]}\" at '{where}': Cannot find field."
        raise Refused(f"Invalid JSON payload received. {text}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"Invalid JSON payload received. {error}") from error


def complaints(request: GenerateRequest, *, signatures: bool) -> Iterator[str]:
    """What the types cannot say. ``signatures``: the model insists on thought signatures."""
    generation = request.generation
    if generation.response_schema is not None and generation.response_json_schema is not None:
        yield "only one of response_schema and response_json_schema may be set"
    if generation.response_json_schema is not None and generation.response_mime_type != "application/json":
        yield "response_json_schema requires response_mime_type application/json"
    if generation.logprobs is not None and not generation.response_logprobs:
        yield "logprobs is only valid with response_logprobs"
    thinking = generation.thinking_config
    if thinking is not None and thinking.thinking_budget is not None and thinking.thinking_level is not None:
        yield "You can only set only one of thinking budget and thinking level."
    calling = request.tool_config.function_calling_config if request.tool_config else None
    allowed = set(calling.allowed_function_names or ()) if calling else set()
    if allowed - {function.name for function in request.functions}:
        yield "allowed_function_names must be declared functions"
    for index, content in enumerate(request.contents):
        yield from _content_complaints(request.contents, index, content, signatures=signatures)


def _in_camel_case(value: Any) -> Any:
    """The API reads both spellings and its own client sends both; what belongs to the caller stays as it is."""
    if isinstance(value, list):
        return [_in_camel_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {re.sub(r"_([a-z])", lambda match: match[1].upper(), name): item for name, item in value.items()}
    return {name: item if name in _CALLERS else _in_camel_case(item) for name, item in named.items()}


_CALLERS = frozenset(
    {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels"}
)


def _content_complaints(contents: list[Content], index: int, content: Content, *, signatures: bool) -> Iterator[str]:
    for number, part in enumerate(content.parts):
        kinds = [part.text, part.inline_data, part.file_data, part.function_call, part.function_response]
        more = [part.executable_code, part.code_execution_result]
        if sum(kind is not None for kind in kinds + more) != 1:
            yield f"contents[{index}].parts[{number}].data: required oneof field 'data' must have one initialized field"
        if part.inline_data is not None and not _is_base64(part.inline_data.data):
            yield f"Base64 decoding failed for contents[{index}].parts[{number}].inline_data.data"
    calls = [part for part in content.parts if part.function_call is not None]
    if calls and content.role != "model":
        yield f"contents[{index}]: function calls must have the role model"
    if calls and signatures and calls[0].thought_signature is None:
        name = calls[0].function_call.name if calls[0].function_call else ""
        yield f"Function call `{name}` in the {index}. content block is missing a thought_signature."
    yield from _pairing_complaints(contents, index, calls)


def _pairing_complaints(contents: list[Content], index: int, calls: list[Part]) -> Iterator[str]:
    if not calls or index + 1 >= len(contents):
        return
    answers = [part.function_response for part in contents[index + 1].parts if part.function_response is not None]
    if len(answers) != len(calls):
        yield (
            "Please ensure that the number of function response parts is equal to the number of function call parts "
            "of the function call turn."
        )
    asked = sorted((part.function_call.name, part.function_call.id or "") for part in calls if part.function_call)
    if asked != sorted((answer.name, answer.id or "") for answer in answers):
        yield "Function responses do not match the function calls."


def _is_base64(data: str) -> bool:
    try:
        base64.b64decode(data, validate=True)
    except binascii.Error:
        return False
    return True
