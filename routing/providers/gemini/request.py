"""A chat request as the body of ``models/*:generateContent``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from contracts.chat import ChatRequest, JsonObject, Tool
from contracts.errors import InvalidRequest
from contracts.specs import TargetSpec
from routing.providers.gemini.content import PROVIDER, contents_of, refused_parts
from routing.providers.openai_fields import named_function, owned, passed_through, raw_items, refused, without_dropped

_NEVER = ("logit_bias", "parallel_tool_calls")
_SAMPLING = {
    "temperature": "temperature",
    "top_p": "topP",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "n": "candidateCount",
}
_GENERATION_FIELDS = frozenset(
    {
        "topK",
        "thinkingConfig",
        "mediaResolution",
        "responseModalities",
        "speechConfig",
        "imageConfig",
        "enableEnhancedCivicAnswers",
        "responseSchema",
        "responseJsonSchema",
        "responseMimeType",
        "stopSequences",
        "maxOutputTokens",
        "candidateCount",
        "audioTimestamp",
    }
)
_REQUEST_FIELDS = frozenset(
    {"safetySettings", "cachedContent", "generationConfig", "toolConfig", "labels", "serviceTier", "store"}
)
_HOSTED_TOOLS = frozenset(
    {"google_search", "google_search_retrieval", "code_execution", "url_context", "google_maps", "file_search"}
)
_DEFAULT_TIERS = ("auto", "default")
_TOOL_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_BUDGETS = {"none": 0, "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576}
"""Google's own OpenAI compatibility maps efforts to these thinking budgets for models before Gemini 3."""
_LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "XHIGH"}
_BUDGETED_MODEL = re.compile(r"gemini-(?:1|2)[.-]|gemini-(?:pro|flash)$|gemma")


def thinks_by_budget(target: TargetSpec) -> bool:
    """Whether the model takes a thinking budget; Gemini 3 and later take a level and insist on thought signatures."""
    return _BUDGETED_MODEL.search(target.model.wire_name) is not None


def unsupported(request: ChatRequest, target: TargetSpec) -> list[str]:
    """What Gemini has no equivalent for, apart from what the target may leave out."""
    found = refused(request, _NEVER)
    efforts = _BUDGETS if thinks_by_budget(target) else _LEVELS
    if request.reasoning_effort is not None and request.reasoning_effort not in efforts:
        found.append("reasoning_effort")
    found += _unsupported_tools(request)
    for index, message in enumerate(request.messages):
        where = f"messages[{index}]"
        if message.role == "function":
            found.append(f"{where}.role")
        if message.name is not None and message.role != "tool":
            found.append(f"{where}.name")
        found += refused_parts(message, where)
    return without_dropped(found, target)


def body_of(request: ChatRequest, target: TargetSpec) -> JsonObject:
    """The JSON body.

    Raises:
        InvalidRequest: there is nothing to send, or a message is malformed.
    """
    system, contents = contents_of(request.messages, signatures=not thinks_by_budget(target))
    if not contents:
        raise InvalidRequest("At least one user or assistant message with content is needed.", param="messages")
    body: JsonObject = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    _add_tools(body, request)
    generation = dict(_generation(request, target))
    if generation:
        body["generationConfig"] = generation
    for name, value in _further(request, target):
        _place(body, name, value)
    return body


def camel(name: str) -> str:
    """``safety_settings`` as ``safetySettings``; Gemini reads both, we compare one."""
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def _generation(request: ChatRequest, target: TargetSpec) -> Iterator[tuple[str, Any]]:
    dropped = target.drop_params
    for field, name in _SAMPLING.items():
        value = getattr(request, field)
        if value is not None and field not in dropped and not (field == "n" and value == 1):
            yield name, value
    if request.max_output_tokens is not None:
        yield "maxOutputTokens", request.max_output_tokens
    if request.stop_sequences and "stop" not in dropped:
        yield "stopSequences", request.stop_sequences
    if request.logprobs and "logprobs" not in dropped:
        yield "responseLogprobs", True
        if request.top_logprobs:
            yield "logprobs", request.top_logprobs
    if "response_format" not in dropped:
        yield from _response_format(request)
    if request.reasoning_effort is not None and "reasoning_effort" not in dropped:
        yield "thinkingConfig", _thinking(request.reasoning_effort, target)


def _response_format(request: ChatRequest) -> Iterator[tuple[str, Any]]:
    form = request.response_format
    if form is None or form.type == "text":
        return
    yield "responseMimeType", "application/json"
    schema = form.json_schema.schema if form.json_schema is not None else None
    if schema is not None:
        if form.json_schema is not None and form.json_schema.description and "description" not in schema:
            schema = {"description": form.json_schema.description, **schema}
        yield "responseJsonSchema", schema


def _thinking(effort: str, target: TargetSpec) -> JsonObject:
    if not thinks_by_budget(target):
        return {"thinkingLevel": _LEVELS.get(effort, "HIGH"), "includeThoughts": True}
    budget = _BUDGETS.get(effort, _BUDGETS["high"])
    return {"thinkingBudget": budget, "includeThoughts": budget > 0}


def _unsupported_tools(request: ChatRequest) -> list[str]:
    found = [
        f"tools[{index}]"
        for index, tool in enumerate(request.tools or ())
        if tool.function is None and tool.type not in _HOSTED_TOOLS
    ]
    choice = request.tool_choice
    known = choice is None or choice in _TOOL_MODES if not isinstance(choice, dict) else named_function(choice)
    return found if known else [*found, "tool_choice"]


def _add_tools(body: JsonObject, request: ChatRequest) -> None:
    if request.tools:
        raws = raw_items(request, "tools", len(request.tools))
        declared = [_declaration(tool) for tool in request.tools if tool.function is not None]
        tools: list[JsonObject] = [{"functionDeclarations": declared}] if declared else []
        for tool, raw in zip(request.tools, raws, strict=True):
            if tool.function is None:
                tools.append({camel(tool.type): raw.get(tool.type) or {}})
        body["tools"] = tools
    calling = _calling_config(request)
    if calling is not None:
        body["toolConfig"] = {"functionCallingConfig": calling}


def _calling_config(request: ChatRequest) -> JsonObject | None:
    choice = request.tool_choice
    if isinstance(choice, dict):
        return {"mode": "ANY", "allowedFunctionNames": [named_function(choice)]}
    strict = any(tool.function is not None and tool.function.strict for tool in request.tools or ())
    if strict and choice in (None, "auto"):
        return {"mode": "VALIDATED"}
    return None if choice is None else {"mode": _TOOL_MODES.get(choice, "AUTO")}


def _declaration(tool: Tool) -> JsonObject:
    assert tool.function is not None
    declared: JsonObject = {"name": tool.function.name}
    if tool.function.description is not None:
        declared["description"] = tool.function.description
    if tool.function.parameters:
        declared["parametersJsonSchema"] = tool.function.parameters
    return declared


def _further(request: ChatRequest, target: TargetSpec) -> Iterator[tuple[str, Any]]:
    """Fields that pass through, and those under ``extra_body.google`` as for Google's OpenAI compatibility."""
    for name, value in passed_through(request, target):
        if name == "extra_body":
            yield from owned(value, PROVIDER).items()
        elif name != "service_tier" or value not in _DEFAULT_TIERS:
            yield name, value
    yield from owned(request.body.get("extra_content"), PROVIDER).items()


def _place(body: JsonObject, name: str, value: Any) -> None:
    """Put a field where Gemini has it; one that it does not know stays on top and is refused there."""
    wire = camel(name)
    if isinstance(value, dict) and wire in _GENERATION_FIELDS | {"generationConfig", "toolConfig"}:
        value = {camel(key): item for key, item in value.items()}
    if wire in _GENERATION_FIELDS:
        holder: JsonObject = body.setdefault("generationConfig", {})
    else:
        holder, wire = body, wire if wire in _REQUEST_FIELDS else name
    ours = holder.get(wire)
    holder[wire] = ours | value if isinstance(ours, dict) and isinstance(value, dict) else value
