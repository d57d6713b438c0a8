"""The operations of the data plane, as the OpenAPI document tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.openapi_analytics import ANALYTICS_PARAMETERS, CACHE_PARAMETERS, RULE_PARAMETERS, WHAT_IF_PARAMETERS
from gateway.openapi_documents import DOCUMENT_PARAMETERS, ID_PARAMETERS, LIST_PARAMETERS

JSON = "application/json"
_TEXT = "text/plain"

_CALL_ERRORS = (400, 401, 402, 403, 404, 405, 408, 413, 415, 429, 500, 502, 503, 504)
_COUNT_ERRORS = (400, 401, 403, 405, 408, 413, 415, 500, 503)
_READ_ERRORS = (401, 403, 404, 405, 500, 503)
_ANALYTICS_ERRORS = (400, 401, 403, 405, 500, 503)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of the document and its place in Django's URLs; ``body`` and ``answer`` name schemas."""

    name: str
    method: str = "POST"
    django_path: str
    tag: str
    summary: str
    description: str = ""
    body: str = ""
    answer: str = ""
    streams: bool = False
    csv: bool = False
    """Whether the answer may be CSV instead."""
    media_type: str = JSON
    authenticated: bool = True
    path_parameters: dict[str, str] = {}
    query_parameters: Mapping[str, tuple[dict[str, Any], str]] = {}
    """Schema and description by name."""
    required: tuple[str, ...] = ()
    """Query parameters that must be there."""
    error: str = "Error"
    errors: tuple[int, ...] = _CALL_ERRORS
    is_call: bool = False
    """Whether a provider is asked: such answers tell where the call went and what is left of its limits."""
    examples: dict[str, Any] = {}
    """Bodies to try, by title."""


_ANALYTICS = (
    "Buckets are hours, days, weeks and months of the tenant's time zone; what has no calls is left out. Needs the "
    "scope `analytics`."
)
_DOCUMENTS = (
    "Documents that the key's access tags do not open are as if they were not there. Needs the scope `documents`."
)
_SIGNALS = (
    "Counted from events, within two seconds; quarters of an hour for 65 days, then hours. What had none is left out. "
    "Needs the scope `analytics`."
)
_HELLO = [{"role": "user", "content": "Hello"}]
_WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}

OPERATIONS = (
    Operation(
        name="create_chat_completion",
        django_path="v1/chat/completions",
        tag="Model calls",
        summary="OpenAI Chat Completions, with any provider behind it",
        description="Fields that Breakwater does not know are passed on. Without `model` the tenant's default route "
        "serves the call. In the mode `rag` the answer rests on the tenant's documents: `citations` name its passages "
        "by the `[n]` in it. With `stream: true` the answer is a stream of `chat.completion.chunk` events that ends in "
        "`[DONE]`; the last chunk carries cost and ids.",
        body="ChatRequest",
        answer="ChatCompletion",
        streams=True,
        is_call=True,
        examples={
            "Hello": {"messages": _HELLO, "mode": "direct"},
            "A stream": {"messages": _HELLO, "stream": True, "stream_options": {"include_usage": True}},
            "A tool": {
                "messages": [{"role": "user", "content": "How is the weather in Oslo?"}],
                "tools": [{"type": "function", "function": {"name": "weather", "parameters": _WEATHER}}],
                "tags": {"feature": "forecast"},
                "budget": {"max_tokens": 200},
            },
            "An answer from documents": {
                "messages": [{"role": "user", "content": "How many days of leave are there?"}],
                "mode": "rag",
                "retrieval": {"collections": ["handbook"], "top_k": 6},
            },
        },
    ),
    Operation(
        name="create_message",
        django_path="v1/messages",
        tag="Model calls",
        summary="Anthropic Messages, with any provider behind it",
        description="Errors come in Anthropic's shape with Breakwater's fields added. With `stream: true` the answer "
        "is Anthropic's stream of events, from `message_start` to `message_stop`.",
        body="MessagesRequest",
        answer="MessagesAnswer",
        streams=True,
        is_call=True,
        error="MessagesError",
        examples={"Hello": {"max_tokens": 64, "messages": _HELLO}},
    ),
    Operation(
        name="count_message_tokens",
        django_path="v1/messages/count_tokens",
        tag="Model calls",
        summary="Estimate a prompt's tokens",
        description="An estimate, because tokenizers differ by provider; it costs nothing and is no call.",
        body="CountTokensRequest",
        answer="TokenCount",
        error="MessagesError",
        errors=_COUNT_ERRORS,
        examples={"Hello": {"messages": _HELLO}},
    ),
    Operation(
        name="generate",
        django_path="v1/generate",
        tag="Model calls",
        summary="A prompt in, a text out",
        body="GenerateRequest",
        answer="Generated",
        is_call=True,
        examples={"Hello": {"prompt": "Hello"}},
    ),
    Operation(
        name="generate_stream",
        django_path="v1/generate/stream",
        tag="Model calls",
        summary="The same as a stream of `token` events and one `done`",
        description='`token` events hold `{"text"}`; `done` holds what `/v1/generate` answers; `error` an error.',
        body="GenerateRequest",
        streams=True,
        is_call=True,
        examples={"Hello": {"prompt": "Hello"}},
    ),
    Operation(
        name="create_embedding",
        django_path="v1/embeddings",
        tag="Model calls",
        summary="OpenAI Embeddings",
        body="EmbeddingRequest",
        answer="Embeddings",
        is_call=True,
        examples={"Two texts": {"model": "sandbox-embed", "input": ["Hello", "Goodbye"]}},
    ),
    Operation(
        name="search_documents",
        django_path="v1/retrieval/query",
        tag="Documents",
        summary="Passages of documents, the best first",
        description="Only of the tenant's collections, and of documents that the key's access tags open. Needs the "
        "scope `retrieval`; counts as a request.",
        body="RetrievalRequest",
        answer="RetrievalAnswer",
        errors=(*_COUNT_ERRORS, 429),
        examples={"A question": {"query": "How many days of leave are there?", "collections": ["handbook"]}},
    ),
    Operation(
        name="list_documents",
        method="GET",
        django_path="v1/retrieval/documents",
        tag="Documents",
        summary="Documents of a collection, by id",
        description=_DOCUMENTS,
        answer="DocumentList",
        query_parameters=DOCUMENT_PARAMETERS | LIST_PARAMETERS,
        required=("collection",),
        errors=(*_ANALYTICS_ERRORS, 429),
    ),
    Operation(
        name="put_documents",
        django_path="v1/retrieval/documents",
        tag="Documents",
        summary="Add documents, or put them in the place of those with their ids",
        description=_DOCUMENTS + " They are read and indexed afterwards; what has not changed costs nothing.",
        body="UpsertRequest",
        answer="DocumentList",
        errors=(*_COUNT_ERRORS, 429),
        examples={
            "A page": {
                "collection": "handbook",
                "documents": [{"id": "leave", "title": "Leave", "text": "Staff have 25 days of leave a year."}],
            }
        },
    ),
    Operation(
        name="delete_documents",
        method="DELETE",
        django_path="v1/retrieval/documents",
        tag="Documents",
        summary="Delete documents by their ids",
        description=_DOCUMENTS + " With their passages and vectors; those that are not there are passed over.",
        answer="DeletedDocuments",
        query_parameters=DOCUMENT_PARAMETERS | ID_PARAMETERS,
        required=("collection", "id"),
        errors=(*_ANALYTICS_ERRORS, 429),
    ),
    Operation(
        name="look_up_tool_result",
        django_path="v1/tools/results/lookup",
        tag="Caches",
        summary="The kept result of a tool, before you run it",
        description="Only tools that the tenant has declared to give the same result for the same arguments.",
        body="ToolLookup",
        answer="ToolResult",
        errors=_COUNT_ERRORS,
        examples={"Where a city is": {"tool": "geocode", "arguments": {"city": "Oslo"}}},
    ),
    Operation(
        name="keep_tool_result",
        django_path="v1/tools/results",
        tag="Caches",
        summary="Keep what a tool gave",
        description="For as long as the tenant has declared. Put nothing in that only one of your users may see.",
        body="ToolRun",
        answer="KeptToolResult",
        errors=_COUNT_ERRORS,
        examples={"Where a city is": {"tool": "geocode", "arguments": {"city": "Oslo"}, "result": [59.91, 10.75]}},
    ),
    Operation(
        name="give_feedback",
        django_path="v1/feedback",
        tag="Caches",
        summary="Say whether a kept answer was right",
        description="About a call whose answer had `x-cache-mode: semantic`. A wrong one makes the route surer before "
        "it answers your next calls so; of what is said twice about a call, the last word counts.",
        body="FeedbackRequest",
        answer="Feedback",
        errors=(*_COUNT_ERRORS, 404),
        examples={"It was wrong": {"correlation_id": "req_01a1fd43ddf271c09cdd5572b22331cd", "cached_answer": "wrong"}},
    ),
    Operation(
        name="list_models",
        method="GET",
        django_path="v1/models",
        tag="Reading",
        summary="Routes and models that this key may name",
        answer="ModelList",
        errors=tuple(status for status in _READ_ERRORS if status != 404),
    ),
    Operation(
        name="retrieve_model",
        method="GET",
        django_path="v1/models/<rest_of_path:model>",
        tag="Reading",
        summary="One of them",
        answer="ModelEntry",
        path_parameters={"model": "A route, a model, or `provider/model`."},
        errors=_READ_ERRORS,
    ),
    Operation(
        name="retrieve_run",
        method="GET",
        django_path="v1/runs/<rest_of_path:correlation_id>",
        tag="Reading",
        summary="Everything known about one call: events, attempts, tokens, cost, timings",
        description="A run appears within two seconds of its call. Another tenant's run is as unknown as none.",
        answer="Run",
        path_parameters={"correlation_id": "The `x-correlation-id` of the call's answer."},
        errors=_READ_ERRORS,
    ),
    Operation(
        name="analytics_usage",
        method="GET",
        django_path="v1/analytics/usage",
        tag="Analytics",
        summary="Calls and tokens of the key's tenant, summed up",
        description=_ANALYTICS,
        answer="UsagePage",
        csv=True,
        query_parameters=ANALYTICS_PARAMETERS,
        errors=_ANALYTICS_ERRORS,
    ),
    Operation(
        name="analytics_costs",
        method="GET",
        django_path="v1/analytics/costs",
        tag="Analytics",
        summary="What they cost",
        description=_ANALYTICS + " Calls whose price is unknown are counted, and are missing from the cost.",
        answer="CostPage",
        csv=True,
        query_parameters=ANALYTICS_PARAMETERS,
        errors=_ANALYTICS_ERRORS,
    ),
    Operation(
        name="analytics_what_if",
        method="GET",
        django_path="v1/analytics/what-if",
        tag="Analytics",
        summary="What they would have cost on another model",
        description="At the model's present price, with the tokens as they were counted; last month unless dates are "
        "given.",
        answer="WhatIf",
        query_parameters=WHAT_IF_PARAMETERS,
        required=("model",),
        errors=(*_ANALYTICS_ERRORS, 404),
    ),
    Operation(
        name="analytics_guardrails",
        method="GET",
        django_path="v1/analytics/guardrails",
        tag="Analytics",
        summary="What rules of guardrails found in its calls",
        description=_SIGNALS,
        answer="RuleHitsAnswer",
        query_parameters=RULE_PARAMETERS,
        errors=_ANALYTICS_ERRORS,
    ),
    Operation(
        name="analytics_cache",
        method="GET",
        django_path="v1/analytics/cache",
        tag="Analytics",
        summary="How often kept answers served its calls, and what that saved",
        description=_SIGNALS,
        answer="KeptAnswersAnswer",
        query_parameters=CACHE_PARAMETERS,
        errors=_ANALYTICS_ERRORS,
    ),
    Operation(
        name="health",
        method="GET",
        django_path="health",
        tag="Operations",
        summary="Whether this worker lives",
        answer="Alive",
        authenticated=False,
        errors=(405,),
    ),
    Operation(
        name="health_detailed",
        method="GET",
        django_path="health/detailed",
        tag="Operations",
        summary="Each dependency and each target's breaker",
        description="Always 200: a worker that can say that PostgreSQL is down still serves.",
        answer="Health",
        authenticated=False,
        errors=(405, 500),
    ),
    Operation(
        name="metrics",
        method="GET",
        django_path="metrics",
        tag="Operations",
        summary="Prometheus metrics",
        media_type=_TEXT,
        authenticated=False,
        errors=(405, 500),
    ),
)
