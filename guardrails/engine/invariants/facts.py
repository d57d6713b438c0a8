"""What is known of a call when its invariants are judged: plain values, wherever the call was seen.

The structs are the declarations that expressions are checked against: a field added here is a field that rules can use,
with its docstring as the help that people read. Nothing is null: what is not known is empty, 0 or false, and
``has(field)`` is false for it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec

from guardrails.engine.invariants.types import Type, declared

BEGINNING: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the model wants called."""

    name: str = ""
    """Of the function."""
    arguments: Any = None
    """As an object, where they are JSON; else the text."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a prompt."""

    role: str = ""
    """`system`, `developer`, `user`, `assistant` or `tool`."""
    text: str = ""
    """Its text, all parts of it."""
    name: str = ""
    """Of who said it, where the caller gives one."""
    tool_calls: list[ToolCall] = []
    """What the model wanted called."""


class RequestFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked."""

    model: str = ""
    """As the caller named it."""
    route: str = ""
    """The route that the call took."""
    key: str = ""
    """Name of the API key."""
    user: str = ""
    """The end user, as the caller names him."""
    tags: dict[str, str] = {}
    """The call's tags."""
    stream: bool = False
    """Whether the answer is streamed."""
    max_tokens: int = 0
    """The caller's cap on the answer."""
    tools: list[str] = []
    """Names of the tools that the model may call."""
    messages: list[Message] = []
    """All of the prompt."""
    system: str = ""
    """What the system and developer messages say."""
    prompt: str = ""
    """The last message of the user."""
    parameters: dict[str, Any] = {}
    """Every other field of the body: `request.parameters.temperature`."""
    time: dt.datetime = BEGINNING
    """When the call came."""


class ResponseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered; of several choices, each is judged by itself."""

    text: str = ""
    """What the answer says."""
    reasoning: str = ""
    """The model's reasoning, as far as it is shown."""
    refusal: str = ""
    """What the model says where it declines."""
    finish_reason: str = ""
    """`stop`, `length`, `tool_calls`, `content_filter` …"""
    tool_calls: list[ToolCall] = []
    """What the model wants called."""
    citations: list[str] = []
    """Addresses of what the answer cites, as the provider tells them."""
    model: str = ""
    """The model that answered."""
    provider: str = ""
    """The provider that answered."""
    cached: bool = False
    """Whether the answer was kept from an earlier call."""


class UsageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the call used."""

    input_tokens: int = 0
    """Of the prompt, cached ones included."""
    output_tokens: int = 0
    """Of the answer, reasoning included."""
    total_tokens: int = 0
    """Both."""
    cached_tokens: int = 0
    """Of the prompt, from the provider's cache."""
    reasoning_tokens: int = 0
    """Of the answer."""
    estimated: bool = False
    """Whether the provider told no figures, so that these are an estimate."""
    cost_usd: float = 0.0
    """US dollars; 0 where the price is unknown."""
    duration_ms: float = 0.0
    """Since the call came."""


class TenantFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Whose call it is."""

    id: str = ""
    """The tenant's id."""
    slug: str = ""
    """Its short name."""
    plan: str = ""
    """The plan that it is on, as its settings say."""


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A text that the answer is to rest on."""

    text: str = ""
    """What it says."""
    source: str = ""
    """Where it comes from: a document, or the tool that gave it."""
    title: str = ""
    """Of the document."""
    score: float = 0.0
    """How well it fits, as the search says."""


class RetrievalFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the model was given to answer from: passages that a search found, and what tools gave."""

    passages: list[Passage] = []
    """One by one."""
    text: str = ""
    """All of them, with an empty line between."""
    risk: float = 0.0
    """How likely it is that something in the answer is not borne out, 0 to 1; of answers that rest on documents."""
    support: float = 0.0
    """The share of the answer's claims that are borne out; of answers that rest on documents."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a call."""

    request: RequestFacts = RequestFacts()
    response: ResponseFacts = ResponseFacts()
    usage: UsageFacts = UsageFacts()
    tenant: TenantFacts = TenantFacts()
    retrieval: RetrievalFacts = RetrievalFacts()


VARIABLES: Final[dict[str, Type]] = {
    "request": declared(RequestFacts),
    "response": declared(ResponseFacts),
    "usage": declared(UsageFacts),
    "tenant": declared(TenantFacts),
    "retrieval": declared(RetrievalFacts),
}
"""What expressions can name."""

SAYS_NOTHING: Final = frozenset({"usage", "tenant"})
"""Variables that hold nothing of what anybody wrote."""


def retrieved(passages: list[Passage], *, risk: float = 0.0, support: float = 0.0) -> RetrievalFacts:
    """The passages with their text as a whole."""
    text = "\n\n".join(passage.text for passage in passages)
    return RetrievalFacts(passages=passages, text=text, risk=risk, support=support)
