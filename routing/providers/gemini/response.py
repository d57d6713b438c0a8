"""Gemini's answers as OpenAI's: candidates, finish reasons, log probabilities and usage."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from contracts.chat import ChatResult, JsonObject, Usage
from contracts.errors import ProviderBadResponse, ProviderContentFiltered
from routing.providers.gemini.content import PROVIDER
from routing.providers.openai_shape import arguments_text, completion_body, decoded

NAME = "Gemini"

_CONTENT_FILTER = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
    }
)
_FAILED = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE"})
_READ = frozenset({"content", "finishReason", "index", "logprobsResult"})
response_decoder = msgspec.json.Decoder(dict[str, Any])


def result_of(body: bytes) -> ChatResult:
    """A whole answer.

    Raises:
        ProviderContentFiltered: the prompt was blocked.
        ProviderBadResponse: the body is not a ``GenerateContentResponse``, or the model's output was malformed.
    """
    raw = decoded(response_decoder, body, NAME)
    candidates = candidates_of(raw)
    if not candidates:
        raise ProviderBadResponse(f"{NAME} sent no candidate.")
    usage = usage_of(raw)
    completion = completion_body(
        id=str(raw.get("responseId") or ""),
        created=int(time.time()),
        model=str(raw.get("modelVersion") or ""),
        choices=[_choice(candidate, number) for number, candidate in enumerate(candidates)],
        usage=usage,
    )
    for name in ("id", "model"):
        if not completion[name]:
            del completion[name]
    return ChatResult(completion, usage)


def candidates_of(raw: JsonObject) -> list[JsonObject]:
    """The candidates of a response or of one piece of a stream; possibly none in a piece.

    Raises:
        ProviderContentFiltered: the prompt was blocked.
        ProviderBadResponse: not a ``GenerateContentResponse``.
    """
    candidates = raw.get("candidates")
    if candidates is None:
        _refuse_blocked(raw.get("promptFeedback"))
        if "usageMetadata" not in raw and "responseId" not in raw:
            raise ProviderBadResponse(f"{NAME} sent something other than a response.")
        return []
    if not isinstance(candidates, list) or not all(isinstance(candidate, dict) for candidate in candidates):
        raise ProviderBadResponse(f"{NAME} sent malformed candidates.")
    return candidates


def parts_of_candidate(candidate: JsonObject) -> list[JsonObject]:
    """The parts of a candidate's content, which is absent when there is none."""
    content = candidate.get("content") or {}
    parts = content.get("parts") if isinstance(content, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def finish_reason_of(reason: str, *, has_calls: bool, detail: object = None) -> str:
    """OpenAI's finish reason.

    Raises:
        ProviderBadResponse: the model's output could not be read even by Gemini.
    """
    if reason in _FAILED:
        words = f": {detail}" if isinstance(detail, str) and detail else ""
        raise ProviderBadResponse(f"{NAME} ended with {reason}{words}.")
    if reason in _CONTENT_FILTER:
        return "content_filter"
    if reason == "MAX_TOKENS":
        return "length"
    return "tool_calls" if has_calls else "stop"


def usage_of(raw: JsonObject) -> Usage | None:
    """Gemini counts thoughts beside the candidates' tokens; here output includes them."""
    metadata = raw.get("usageMetadata")
    if not isinstance(metadata, dict):
        return None
    thoughts = _count(metadata, "thoughtsTokenCount")
    return Usage(
        input_tokens=_count(metadata, "promptTokenCount") + _count(metadata, "toolUsePromptTokenCount"),
        output_tokens=_count(metadata, "candidatesTokenCount") + thoughts,
        cached_input_tokens=_count(metadata, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
        audio_input_tokens=_of_modality("AUDIO", metadata.get("promptTokensDetails")),
        audio_output_tokens=_of_modality("AUDIO", metadata.get("candidatesTokensDetails")),
        image_input_tokens=_of_modality("IMAGE", metadata.get("promptTokensDetails")),
        image_output_tokens=_of_modality("IMAGE", metadata.get("candidatesTokensDetails")),
    )


def tool_call_of(part: JsonObject) -> JsonObject:
    """An OpenAI tool call from a ``functionCall`` part; an id is made up where the model gave none."""
    call = part["functionCall"]
    made: JsonObject = {
        "id": call.get("id") or f"call_{uuid.uuid4().hex[:24]}",
        "type": "function",
        "function": {"name": call["name"], "arguments": arguments_text(call.get("args") or {})},
    }
    if "thoughtSignature" in part:
        made["extra_content"] = {PROVIDER: {"thought_signature": part["thoughtSignature"]}}
    return made


def image_of(part: JsonObject) -> JsonObject:
    """A picture that the model made, as the data URI that chat clients with picture output read."""
    data = part["inlineData"]
    return {"type": "image_url", "image_url": {"url": f"data:{data['mimeType']};base64,{data['data']}"}}


def logprobs_of(result: object) -> JsonObject | None:
    """``choices[].logprobs`` from a ``logprobsResult``."""
    if not isinstance(result, dict):
        return None
    tops = result.get("topCandidates") or []
    content = []
    for number, chosen in enumerate(result.get("chosenCandidates") or []):
        others = tops[number].get("candidates") or [] if number < len(tops) else []
        content.append({**_logprob(chosen), "top_logprobs": [_logprob(other) for other in others]})
    return {"content": content, "refusal": None}


def further_of(candidate: JsonObject) -> JsonObject:
    """What a candidate has that OpenAI's shape has no place for: grounding, citations, safety ratings."""
    return {name: value for name, value in candidate.items() if name not in _READ and value is not None}


def _choice(candidate: JsonObject, number: int) -> JsonObject:
    try:
        message = _message(parts_of_candidate(candidate))
    except (KeyError, TypeError, AttributeError) as error:
        raise ProviderBadResponse(f"{NAME} sent a malformed part.") from error
    reason = str(candidate.get("finishReason") or "")
    choice: JsonObject = {
        "index": candidate.get("index", number),
        "message": message,
        "finish_reason": finish_reason_of(
            reason, has_calls="tool_calls" in message, detail=candidate.get("finishMessage")
        ),
        "logprobs": logprobs_of(candidate.get("logprobsResult")),
    }
    further = further_of(candidate)
    if further:
        choice["extra_content"] = {PROVIDER: further}
    return choice


def _message(parts: list[JsonObject]) -> JsonObject:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[JsonObject] = []
    images: list[JsonObject] = []
    extra: JsonObject = {}
    for part in parts:
        if "functionCall" in part:
            calls.append(tool_call_of(part))
        elif "text" in part:
            (thoughts if part.get("thought") else texts).append(part["text"])
            if "thoughtSignature" in part:
                extra["thought_signature"] = part["thoughtSignature"]
        elif "inlineData" in part:
            images.append(image_of(part))
        else:
            extra.setdefault("parts", []).append(part)
    message: JsonObject = {"role": "assistant", "content": "".join(texts) if texts else None, "refusal": None}
    named = {"reasoning_content": "".join(thoughts), "tool_calls": calls, "images": images}
    message |= {name: value for name, value in named.items() if value}
    if extra:
        message["extra_content"] = {PROVIDER: extra}
    return message


def _refuse_blocked(feedback: object) -> None:
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    if reason:
        raise ProviderContentFiltered(
            f"{NAME} blocked the prompt: {reason}.", upstream_status=200, details={"block_reason": reason}
        )


def _logprob(candidate: JsonObject) -> JsonObject:
    token = candidate.get("token") or ""
    return {"token": token, "logprob": candidate.get("logProbability", 0.0), "bytes": list(token.encode())}


def _count(raw: JsonObject, name: str) -> int:
    value = raw.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def _of_modality(modality: str, details: object) -> int:
    if not isinstance(details, list):
        return 0
    return sum(_count(d, "tokenCount") for d in details if isinstance(d, dict) and d.get("modality") == modality)
