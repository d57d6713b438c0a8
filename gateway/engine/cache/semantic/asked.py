"""What of a request is the question: the last thing that the user says. All the rest has to be equal."""

from __future__ import annotations

from typing import Final

import msgspec

from contracts.chat import ChatRequest, JsonObject

MAX_CHARACTERS: Final = 600
"""Of a longer text two may be alike almost everywhere, and ask for different things in a line of it."""


class Question(msgspec.Struct, frozen=True):
    """A request taken apart."""

    text: str
    rest: JsonObject
    """The request's body without the text."""


def question_of(request: ChatRequest) -> Question | None:
    """None where the last message is not the user's, holds no text or several, or is long."""
    messages = request.body.get("messages")
    if not messages or not isinstance(messages[-1], dict) or messages[-1].get("role") != "user":
        return None
    last: JsonObject = messages[-1]
    content = last.get("content")
    if isinstance(content, str):
        text, left = content, None
    elif isinstance(content, list):
        texts = [part for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
        if len(texts) != 1:
            return None
        [part] = texts
        text = part["text"]
        left = [{**one, "text": None} if one is part else one for one in content]
    else:
        return None
    if not text.strip() or len(text) > MAX_CHARACTERS:
        return None
    return Question(text, {**request.body, "messages": [*messages[:-1], {**last, "content": left}]})
