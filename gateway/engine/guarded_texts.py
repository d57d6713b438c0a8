"""The texts of a request or an answer that rules look at, and the way to put others in their place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from contracts.chat import JsonObject
from contracts.guardrails import Stage

TOOL_ROLES: Final = frozenset({"tool", "function"})
SAID_BY_OTHERS: Final = frozenset({"user", "tool", "function"})
"""Whose messages somebody could have split a thing over."""
TEXT_FIELDS: Final = ("reasoning_content", "reasoning", "refusal", "content")
"""Of an answer's message, in the order in which they are said."""
_BESIDE_CONTENT: Final = ("refusal", "reasoning_content")
COPIES: Final = ("reasoning_details",)
"""Fields that say once more what another says."""
LONG_NUMBER: Final = 1_000_000
"""From here on a number in JSON may be somebody's."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Place:
    """Where a text stands: a member of an object or a list."""

    __slots__ = ("changed", "container", "key", "owner", "stage", "text")

    def __init__(self, container: Any, key: Any, text: str, stage: Stage, owner: JsonObject | None = None) -> None:
        self.container = container
        self.key = key
        self.text = text
        self.stage = stage
        self.owner = owner
        """The message, or the choice of an answer, that it belongs to."""
        self.changed = False

    def put(self, text: str) -> None:
        """Put another text in its place."""
        if text != self.text:
            self.container[self.key] = self.text = text
            self.changed = True


class JsonPlaces:
    """The texts within a text that is JSON, such as a tool call's arguments."""

    def __init__(self, container: Any, key: Any, stage: Stage, owner: JsonObject | None = None) -> None:
        self._container = container
        self._key = key
        self._whole: list[Any] = []
        text: str = container[key]
        try:
            self._whole = [_decode(text)]
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            # What is no JSON is looked at as it stands.
            self.places = [Place(container, key, text, stage, owner)]
        else:
            self.places = [Place(inside, name, said, stage, owner) for inside, name, said in _leaves(self._whole)]

    def seal(self) -> None:
        """Write the JSON again if any of its texts is another."""
        if self._whole and any(place.changed for place in self.places):
            self._container[self._key] = _encode(self._whole[0]).decode()


class Texts:
    """All texts of a request or an answer, in order."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self._documents: list[JsonPlaces] = []

    def at(self, stage: Stage) -> list[Place]:
        """Those of a stage."""
        return [place for place in self.places if place.stage is stage]

    def seal(self) -> bool:
        """Finish what was put; tells whether anything is another."""
        for document in self._documents:
            document.seal()
        return any(place.changed for place in self.places)

    def add(self, container: Any, key: Any, stage: Stage, owner: JsonObject | None = None) -> None:
        """A text, if there is one at this place."""
        text = container.get(key) if isinstance(container, dict) else container[key]
        if isinstance(text, str) and text:
            self.places.append(Place(container, key, text, stage, owner))

    def add_content(self, message: JsonObject, key: str, stage: Stage, owner: JsonObject) -> None:
        """A message's content: a text, or parts of which some are texts."""
        content = message.get(key)
        if isinstance(content, str):
            if content:
                self.places.append(Place(message, key, content, stage, owner))
        elif isinstance(content, list):
            for part in content:
                if isinstance(part, dict):
                    self.add(part, "text", stage, owner)
                    self.add(part, "refusal", stage, owner)

    def add_arguments(self, message: JsonObject, stage: Stage, owner: JsonObject) -> None:
        """The arguments of a message's tool calls."""
        calls, called = message.get("tool_calls"), message.get("function_call")
        if not calls and not called:
            return
        functions = [call.get("function") for call in calls or () if isinstance(call, dict)]
        for function in (*functions, called):
            if isinstance(function, dict) and isinstance(function.get("arguments"), str) and function["arguments"]:
                document = JsonPlaces(function, "arguments", stage, owner)
                self._documents.append(document)
                self.places.extend(document.places)


def request_texts(body: JsonObject) -> Texts:
    """What a chat request says: messages of all roles, and what tools gave back."""
    texts = Texts()
    for message in body.get("messages") or ():
        stage = Stage.TOOL_RESULT if message.get("role") in TOOL_ROLES else Stage.INPUT
        texts.add_content(message, "content", stage, message)
        for name in _BESIDE_CONTENT:
            if message.get(name):
                texts.add(message, name, stage, message)
        texts.add_arguments(message, stage, message)
    return texts


def embedding_texts(body: JsonObject) -> Texts:
    """What is to be embedded, where it is given as text."""
    texts = Texts()
    given = body.get("input")
    if isinstance(given, str):
        texts.add(body, "input", Stage.INPUT)
    elif isinstance(given, list):
        for number in range(len(given)):
            texts.add(given, number, Stage.INPUT)
    return texts


def answer_texts(body: JsonObject) -> Texts:
    """What a whole answer says, in all its choices."""
    texts = Texts()
    for choice in body.get("choices") or ():
        message = choice.get("message")
        if isinstance(message, dict):
            for name in TEXT_FIELDS:
                if message.get(name):
                    texts.add_content(message, name, Stage.OUTPUT, choice)
            texts.add_arguments(message, Stage.TOOL_CALL, choice)
    return texts


def neighbours(places: Sequence[Place]) -> list[int]:
    """The numbers of the places over which somebody who is not the operator could have split a thing."""
    return [
        number
        for number, place in enumerate(places)
        if place.owner is None or place.owner.get("role") in SAID_BY_OTHERS
    ]


def _leaves(whole: list[Any]) -> Iterator[tuple[Any, Any, str]]:
    waiting: list[Any] = [whole]
    while waiting:
        inside = waiting.pop()
        members = inside.items() if isinstance(inside, dict) else enumerate(inside)
        for name, member in list(members):
            if isinstance(member, dict | list):
                waiting.append(member)
            elif isinstance(member, str) and member:
                yield inside, name, member
            elif type(member) is int and abs(member) >= LONG_NUMBER:
                yield inside, name, str(member)
