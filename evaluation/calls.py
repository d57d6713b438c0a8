"""What a variant is asked, and what its answer says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from contracts.chat import JsonObject
from evaluation.engine.evaluators.scores import JudgeQuestion
from evaluation.engine.golden_files import text_of
from evaluation.models import GoldenItem, Variant
from gateway.exchange import Answer

SOURCE: Final = "evaluation"
"""Value of the tag ``source`` of calls."""
JUDGE: Final = "judge"
"""The same of what judges are asked."""
KEY_ID: Final = "evaluation"
KEY_NAME: Final = "Evaluation"


def body_of(variant: Variant, item: GoldenItem, *, max_output_tokens: int, tags: Mapping[str, str]) -> JsonObject:
    """The call's body, as an application would send it."""
    return {
        "model": variant.model,
        "messages": messages_of(variant, item),
        "max_tokens": max_output_tokens,
        "tags": {"source": SOURCE, **tags},
    }


def messages_of(variant: Variant, item: GoldenItem) -> list[dict[str, Any]]:
    """The item's chat under the variant's system prompt, with its template around what the user says last.

    Without a template that places them, the item's passages come before what the user says.
    """
    given: Any = item.input
    chat = [dict(one) for one in given] if isinstance(given, list) else [{"role": "user", "content": given}]
    if variant.system_prompt:
        chat = [one for one in chat if one.get("role") not in ("system", "developer")]
        chat.insert(0, {"role": "system", "content": variant.system_prompt})
    last = next((one for one in reversed(chat) if one.get("role") == "user"), None)
    if last is None or not (variant.template or item.context) or not isinstance(last.get("content"), str):
        return chat
    last["content"] = _filled(variant.template, text_of(given), item.context)
    return chat


def _filled(template: str, asked: str, context: list[str]) -> str:
    passages = "\n\n".join(f"[{number}] {one}" for number, one in enumerate(context, start=1))
    if not template:
        template = "{{context}}\n\n{{input}}"
    # In one pass: what an item says is never itself a place to be filled.
    before, found, after = template.partition("{{context}}")
    parts = [before, passages, after] if found else [before]
    return "".join(part if at == 1 else part.replace("{{input}}", asked) for at, part in enumerate(parts))


def judge_body(question: JudgeQuestion, tags: Mapping[str, str]) -> JsonObject:
    """A judge's question, as the call's body."""
    return {
        "model": question.route,
        "messages": [
            {"role": "system", "content": question.instructions},
            {"role": "user", "content": question.question},
        ],
        "max_tokens": question.max_output_tokens,
        "tags": {"source": JUDGE, **tags},
    }


def text_in(body: bytes) -> str:
    """What the model said."""
    message = (msgspec.json.decode(body).get("choices") or [{}])[0].get("message") or {}
    content = message.get("content")
    if isinstance(content, str):
        return content
    calls = message.get("tool_calls")
    return msgspec.json.encode(calls).decode() if calls else ""


def refusal_in(answer: Answer) -> tuple[str, str]:
    """Why there is no answer, and the id of the call."""
    error = msgspec.json.decode(answer.body).get("error") or {}
    told = f"{error.get('code') or answer.status}: {error.get('message') or 'The call failed.'}"
    return told[:300], str(error.get("correlation_id") or "")
