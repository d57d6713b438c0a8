"""What a request asks of documents: pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from contracts.chat import ChatRequest, JsonObject, RetrievalOptions
from contracts.errors import InvalidRequest
from contracts.retrieval import ALL_ACCESS, Method, RetrievalQuery

MAX_COLLECTIONS: Final = 20
MAX_TAGS: Final = 64
MAX_NAME: Final = 64
MAX_TOP_K: Final = 100
MAX_RESAMPLES: Final = 5
MAX_FILTERS: Final = 20
MAX_QUESTION: Final = 4_000
"""Characters that are looked for; the model gets the whole question."""
MAX_HISTORY: Final = 8_000
HISTORY_MESSAGES: Final = 10


def check_options(options: RetrievalOptions, where: str = "retrieval") -> None:
    """Refuse what cannot be looked for.

    Raises:
        InvalidRequest: ``param`` names the field.
    """
    prefix = f"{where}." if where else ""
    _check_names(options.collections, f"{prefix}collections", MAX_COLLECTIONS)
    _check_names(options.access_tags, f"{prefix}access_tags", MAX_TAGS)
    if options.top_k is not None and not 1 <= options.top_k <= MAX_TOP_K:
        raise InvalidRequest(f"'{prefix}top_k' must be between 1 and {MAX_TOP_K}.", param=f"{prefix}top_k")
    if not 0 <= options.self_consistency <= MAX_RESAMPLES:
        raise InvalidRequest(
            f"'{prefix}self_consistency' must be between 0 and {MAX_RESAMPLES}.", param=f"{prefix}self_consistency"
        )
    if options.filters is not None and len(options.filters) > MAX_FILTERS:
        raise InvalidRequest(f"At most {MAX_FILTERS} filters.", param=f"{prefix}filters")


def _check_names(names: list[str] | None, param: str, most: int) -> None:
    if names is None:
        return
    if not names and param.endswith("collections"):
        raise InvalidRequest("Name a collection, or leave the field out for all of them.", param=param)
    if len(names) > most:
        raise InvalidRequest(f"At most {most}.", param=param)
    for name in names:
        if not name or len(name) > MAX_NAME or "\x00" in name:
            raise InvalidRequest(f"A name has 1 to {MAX_NAME} characters.", param=param)


def visible_tags(of_key: frozenset[str], wanted: Iterable[str] | None) -> frozenset[str]:
    """What is looked at: of the key's tags those that are wanted. A key that sees all may name any."""
    if wanted is None:
        return of_key
    named = frozenset(wanted)
    if ALL_ACCESS in of_key:
        return named
    return of_key if ALL_ACCESS in named else of_key & named


def query_of(
    options: RetrievalOptions,
    *,
    tenant_id: str,
    tags: frozenset[str],
    text: str,
    history: tuple[tuple[str, str], ...] = (),
) -> RetrievalQuery:
    """What is asked of the retriever."""
    return RetrievalQuery(
        tenant_id=tenant_id,
        collections=tuple(dict.fromkeys(options.collections or ())),
        text=text,
        access_tags=visible_tags(tags, options.access_tags),
        history=history,
        top_k=options.top_k,
        method=Method(options.method) if options.method is not None else None,
        filters=options.filters or {},
        rerank=options.rerank,
        rewrite=options.rewrite,
        explain=True,
    )


def options_of(request: ChatRequest) -> RetrievalOptions:
    """Those of the call, or the defaults."""
    return request.retrieval or RetrievalOptions()


def question_of(messages: list[JsonObject]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The last thing that the user says, and what was said before it, the oldest first.

    Raises:
        InvalidRequest: the user says nothing.
    """
    said = [(str(one.get("role") or ""), text_of(one.get("content")).replace("\x00", "")) for one in messages]
    for place in range(len(said) - 1, -1, -1):
        role, text = said[place]
        if role == "user" and text.strip():
            before = [one for one in said[:place] if one[0] in ("user", "assistant") and one[1].strip()]
            return text.strip()[:MAX_QUESTION], _last(before)
    raise InvalidRequest("There is nothing to look for: no message of the user has text.", param="messages")


def _last(said: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    kept: list[tuple[str, str]] = []
    left = MAX_HISTORY
    for role, text in reversed(said[-HISTORY_MESSAGES:]):
        if left <= 0:
            break
        kept.append((role, text[-left:]))
        left -= len(text)
    return tuple(kept[::-1])


def text_of(content: Any) -> str:
    """The text of a message, whose content may be a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))


def plain_filters(filters: Any) -> str:
    """Filters as a text that is the same for the same ones."""
    return msgspec.json.encode(filters, order="sorted").decode()
