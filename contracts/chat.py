"""The internal chat types: OpenAI's Chat Completions shape, because every ingress and most providers speak it.

``ChatRequest.body`` and ``ChatResult.body`` keep the whole wire object, so a field that Breakwater does not
know passes through unharmed; the typed attributes beside it are what the gateway itself relies on.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

JsonObject = dict[str, Any]
"""A decoded JSON object whose keys are the wire's, not ours."""


class FunctionCall(msgspec.Struct, omit_defaults=True):
    """A function the model wants called; ``arguments`` is a JSON text, as OpenAI sends it."""

    name: str
    arguments: str = ""


class ToolCall(msgspec.Struct, omit_defaults=True):
    """One tool call in an assistant message."""

    id: str
    function: FunctionCall
    type: str = "function"
    extra_content: JsonObject | None = None
    """What only one provider understands (by provider: ``google``, ``anthropic``), to be sent back to it unread."""


class Message(msgspec.Struct, kw_only=True):
    """One message; ``content`` parts stay wire objects and are read through :func:`contracts.parts.parts_of`."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[JsonObject] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    """The model's reasoning in words, as far as its provider shows it."""
    extra_content: JsonObject | None = None
    """As :attr:`ToolCall.extra_content`: signed thinking blocks, thought signatures, marks on a tool's result."""


class FunctionDefinition(msgspec.Struct, omit_defaults=True):
    """A tool's declaration; ``parameters`` is a JSON Schema."""

    name: str
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class Tool(msgspec.Struct, omit_defaults=True):
    """A tool offered to the model. ``function`` is None for provider-hosted tool types."""

    type: str
    function: FunctionDefinition | None = None


class JsonSchemaFormat(msgspec.Struct, omit_defaults=True):
    """``response_format.json_schema``."""

    name: str
    schema: JsonObject | None = None
    description: str | None = None
    strict: bool | None = None


class ResponseFormat(msgspec.Struct, omit_defaults=True):
    """``response_format``: free text, any JSON object, or JSON that fits a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None


class StreamOptions(msgspec.Struct, omit_defaults=True):
    """``stream_options``."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class RequestBudget(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Breakwater's per-request cap: output tokens, and cost in US dollars."""

    max_tokens: int | None = None
    max_cost_usd: float | None = None


class RetrievalOptions(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Breakwater's ``retrieval`` of a call with ``mode: "rag"``: on which documents its answer is to rest."""

    collections: list[str] | None = None
    """Names; None: all of the tenant that are switched on."""
    top_k: int | None = None
    """None: as the collections say. So with all that follows."""
    method: Literal["hybrid", "keyword", "vector"] | None = None
    filters: JsonObject | None = None
    """Field of a document's metadata to a value, to a list of which it has one, or to bounds (``gte``, ``lt`` ...)."""
    access_tags: list[str] | None = None
    """Narrows what the key may see; None: all of that."""
    rerank: bool | None = None
    rewrite: bool | None = None
    self_consistency: int = 0
    """How often the model is asked once more, to see whether it says the same."""


Priority = Literal["interactive", "batch"]
"""Who goes first where calls wait for a place."""


class ChatRequest(msgspec.Struct, kw_only=True):
    """A validated chat request in OpenAI's shape plus Breakwater's ``mode``, ``budget``, ``tags``, ``priority`` and
    ``retrieval``.

    ``body`` is the decoded object as the caller sent it (after an ingress translation, in OpenAI's shape).
    """

    messages: list[Message]
    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: list[Tool] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    mode: str = "direct"
    budget: RequestBudget | None = None
    tags: dict[str, str] | list[str] | None = None
    priority: Priority | None = None
    retrieval: RetrievalOptions | None = None
    body: JsonObject = msgspec.field(default_factory=dict, name="__body__")

    @property
    def max_output_tokens(self) -> int | None:
        """The caller's cap on output tokens, whichever field it used."""
        if self.max_completion_tokens is not None:
            return self.max_completion_tokens
        return self.max_tokens

    @property
    def stop_sequences(self) -> list[str]:
        """``stop`` as a list."""
        if self.stop is None:
            return []
        return [self.stop] if isinstance(self.stop, str) else self.stop


GATEWAY_FIELDS = frozenset({"mode", "budget", "tags", "priority", "retrieval"})
"""Top-level fields that are Breakwater's own and never travel upstream."""

KNOWN_FIELDS = frozenset(ChatRequest.__struct_encode_fields__) - {"__body__"}
"""Fields with a typed meaning; everything else in ``body`` is passed through as it came."""


class EmbeddingRequest(msgspec.Struct, kw_only=True):
    """``POST /v1/embeddings``: texts or token arrays."""

    input: str | list[str | int | list[int]]
    """One text, texts, one token array, or token arrays: all members are of one kind."""
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    user: str | None = None
    tags: dict[str, str] | list[str] | None = None
    priority: Priority | None = None
    body: JsonObject = msgspec.field(default_factory=dict, name="__body__")


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one call, each counted once: ``input_tokens`` includes the cached and cache-write tokens,
    ``output_tokens`` includes the reasoning tokens (OpenAI's convention; adapters convert to it).
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    image_input_tokens: int = 0
    image_output_tokens: int = 0
    estimated: bool = False
    """True when the provider reported nothing and the figures are our estimate."""

    @property
    def total_tokens(self) -> int:
        """Input plus output."""
        return self.input_tokens + self.output_tokens

    def as_openai(self) -> JsonObject:
        """The ``usage`` object of a chat completion."""
        return {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
            "prompt_tokens_details": {
                "cached_tokens": self.cached_input_tokens,
                "audio_tokens": self.audio_input_tokens,
            },
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning_tokens,
                "audio_tokens": self.audio_output_tokens,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


class ChatResult(msgspec.Struct):
    """A complete answer. ``body`` is a ``chat.completion`` object; ``usage`` is None when none was reported."""

    body: JsonObject
    usage: Usage | None = None

    @property
    def text(self) -> str:
        """The first choice's text, empty when it only calls tools."""
        choices = self.body.get("choices") or [{}]
        content = (choices[0].get("message") or {}).get("content")
        return content if isinstance(content, str) else ""

    @property
    def finish_reason(self) -> str | None:
        """The first choice's finish reason."""
        choices = self.body.get("choices") or [{}]
        reason = choices[0].get("finish_reason")
        return reason if isinstance(reason, str) else None


class ChatChunk(msgspec.Struct):
    """One ``chat.completion.chunk`` object. ``usage`` is set on the chunk that carried it (the last one wins)."""

    body: JsonObject
    usage: Usage | None = None

    @property
    def carries_output(self) -> bool:
        """Whether this chunk counts as 'first token': text, reasoning, refusal or a tool call."""
        for choice in self.body.get("choices") or ():
            delta = choice.get("delta") or {}
            if (
                delta.get("content")
                or delta.get("tool_calls")
                or delta.get("refusal")
                or delta.get("reasoning_content")
                or delta.get("reasoning")
            ):
                return True
        return False


class EmbeddingResult(msgspec.Struct):
    """An OpenAI ``list`` object of embeddings."""

    body: JsonObject
    usage: Usage | None = None
