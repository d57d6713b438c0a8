"""What was said in a call: stored texts or why there are none, headers of the answer, the call as a command. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from events.models import EventRecord, Run, RunState
from tenants.models import Tenant

Storage = Tenant.PayloadStorage
KEY_PLACEHOLDER = "$BREAKWATER_API_KEY"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation as text."""

    role: str
    text: str
    parts: tuple[str, ...] = ()
    """What is no text: images, tool calls."""


@dataclass(frozen=True, slots=True)
class Content:
    """The stored prompt and answer."""

    input: Any
    output: Any
    missing: str
    """Why nothing is there; empty where something is."""
    change: bool = False
    """Whether the tenant's settings would change that."""
    redacted: bool = False

    @property
    def messages(self) -> list[Message]:
        """The prompt."""
        return messages_of(self.input)

    @property
    def answer(self) -> str:
        """The answer's text."""
        return text_of(self.output)


def content_of(run: Run, events: Sequence[EventRecord], tenant: Tenant | None, *, may_read: bool) -> Content:
    """The stored texts of the call, for who may read them."""
    if not may_read:
        return Content(None, None, "Your role does not allow you to read stored prompts and answers.")
    given, answered = stored(events, "input"), stored(events, "output")
    storage = tenant.payload_storage if tenant is not None else Storage.NONE
    if given is None and answered is None:
        change = storage == Storage.NONE and run.state != RunState.REJECTED
        return Content(None, None, _why_nothing(run, storage), change=change)
    return Content(given, answered, "", redacted=storage == Storage.REDACTED)


def _why_nothing(run: Run, storage: str) -> str:
    if run.state == RunState.REJECTED:
        return "The request was refused before it became a call: nothing of refused requests is kept."
    if storage == Storage.NONE:
        return "This tenant keeps no prompts and answers. What is not kept cannot be shown, searched or replayed."
    if run.operation == "embeddings":
        return "Nothing was kept of this call. Vectors are never kept."
    return "Nothing is kept of this call: it is past its retention, or storing was off when it was made."


def stored(events: Sequence[EventRecord], name: str) -> Any:
    """``input`` or ``output`` as an event has it; None where none has."""
    for event in events:
        if event.event_type.startswith("llm.request.") and event.payload.get(name) is not None:
            return event.payload[name]
    return None


def messages_of(given: Any) -> list[Message]:
    """A prompt of whatever shape as messages."""
    if isinstance(given, list) and all(isinstance(one, dict) for one in given):
        return [_message(one) for one in given]
    if given is None:
        return []
    return [Message("input", text_of(given))]


def _message(one: dict[str, Any]) -> Message:
    content, parts = one.get("content"), []
    texts = []
    for piece in content if isinstance(content, list) else [content]:
        if isinstance(piece, dict) and "text" not in piece:
            parts.append(str(piece.get("type", "part")))
        elif piece is not None:
            texts.append(text_of(piece))
    for call in one.get("tool_calls") or ():
        function = call.get("function") or {} if isinstance(call, dict) else {}
        parts.append(f"calls {function.get('name', 'a tool')}({function.get('arguments', '')})")
    return Message(str(one.get("role", "message")), "\n".join(texts), tuple(parts))


def text_of(value: Any) -> str:
    """A message's text; what is none as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        return str(value["text"])
    if isinstance(value, dict) and ("content" in value or "tool_calls" in value):
        message = _message(value)
        return "\n".join([message.text, *message.parts]).strip()
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "\n".join(value)
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def body_of(run: Run, given: Any) -> dict[str, Any]:
    """The body of a call like this one. Of the caller's parameters only these are known."""
    body: dict[str, Any] = {"model": run.requested_model or run.route or run.model or "default"}
    if run.operation == "embeddings":
        return {**body, "input": given if given is not None else "…"}
    body["messages"] = given if isinstance(given, list) else [{"role": "user", "content": given or "…"}]
    if run.stream:
        body["stream"] = True
    if run.end_user:
        body["user"] = run.end_user
    return body


def curl_of(run: Run, given: Any, origin: str) -> str:
    """The call as a command, the key as a placeholder."""
    path = "/v1/embeddings" if run.operation == "embeddings" else "/v1/chat/completions"
    body = msgspec.json.format(msgspec.json.encode(body_of(run, given)), indent=2).decode()
    return (
        f"curl {shlex.quote(origin + path)} \\\n"
        f'  -H "Authorization: Bearer {KEY_PLACEHOLDER}" \\\n'
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )


def answer_headers(run: Run, *, costs: bool) -> list[tuple[str, str]]:
    """The headers of the answer that follow from what is kept of the call."""
    streamed = bool(run.stream) and run.state == RunState.COMPLETED
    headers = [
        ("content-type", "text/event-stream; charset=utf-8" if streamed else "application/json"),
        ("x-correlation-id", run.correlation_id),
        ("x-request-id", run.correlation_id),
        ("request-id", run.correlation_id),
        ("x-trace-id", run.trace_id),
    ]
    if run.route and run.state != RunState.REJECTED:
        headers.append(("x-breakwater-route", run.route))
    if run.provider and run.model:
        headers.append(("x-breakwater-target", f"{run.provider}/{run.model}"))
    if costs and run.cost_nanousd is not None and not run.stream and run.state == RunState.COMPLETED:
        headers.append(("x-breakwater-cost-nanousd", str(run.cost_nanousd)))
    return headers
