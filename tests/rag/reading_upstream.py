"""A provider whose model reads: it answers with the sentence of its passages nearest to the question, and cites it."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from routing.providers.sandbox_answers import SandboxAnswer
from tests.upstreams.openai import OpenAIUpstream
from tests.upstreams.server import Reply, SeenRequest, UpstreamServer

_PASSAGE = re.compile(r"^==\S+ \[(?P<number>\d+)\][^\n]*\n(?P<text>.*?)(?=^==\S+ )", re.MULTILINE | re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"\w{3,}")
NOTHING = "I could not find an answer to that in the documents."


class ReadingUpstream(OpenAIUpstream):
    """OpenAI's wire format; what it says follows from the passages in its prompt alone."""

    def handle(self, request: SeenRequest) -> Reply:
        """The answer that it would give, in OpenAI's own shape."""
        if request.path == "/v1/chat/completions":
            self.answers.append(SandboxAnswer(said(request.json()["messages"])))
        return super().handle(request)


def said(messages: list[dict[str, Any]]) -> str:
    """The nearest sentence with its number."""
    question = _stems(str(messages[-1]["content"]))
    prompt = "\n".join(str(one["content"]) for one in messages if one["role"] in ("system", "developer"))
    found = [
        # The nearer the better; of two that are as near, the one that the gateway put first.
        (len(question & _stems(sentence)) / (1 + len(_stems(sentence)) / 12) / (1 + number / 20), -number, sentence)
        for number, text in passages_in(prompt)
        for sentence in _SENTENCE.split(text)
        if len(_stems(sentence)) > 3
    ]
    if not found:
        return NOTHING
    _, number, sentence = max(found)
    return f"{sentence.strip().rstrip('.')} [{-number}]."


def passages_in(prompt: str) -> list[tuple[int, str]]:
    """(number, text) of the fenced passages."""
    return [(int(one["number"]), one["text"]) for one in _PASSAGE.finditer(prompt)]


def _stems(text: str) -> frozenset[str]:
    return frozenset(word[:5] for word in _WORD.findall(text.lower()))


@contextmanager
def reading_server() -> Iterator[UpstreamServer]:
    """It answers on a socket of this machine, on a loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = UpstreamServer(ReadingUpstream())
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
