"""Google's Gemini API, emulated: ``python -m tests.upstreams.gemini --port 9102``.

It answers what a request asks for: JSON for a schema, calls of the declared functions until they have responses,
thoughts where they are asked for, otherwise an echo of the last text, within ``maxOutputTokens``. A prompt with the
word ``BLOCKME`` is blocked; one with ``UNSAFE`` is answered with the finish reason ``SAFETY``. ``answers`` takes parts
to be given instead, in order. Models from Gemini 3 on insist on thought signatures.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from typing import Any

import msgspec

from tests.upstreams.gemini_schema import (
    BatchEmbedRequest,
    EmbedRequest,
    GenerateRequest,
    Refused,
    complaints,
    read,
)
from tests.upstreams.schema_sample import sample
from tests.upstreams.server import Reply, SeenRequest, run_alone

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
DIMENSIONS = 8
"""Of an embedding, when the request does not say."""
UNSIGNED = "skip_thought_signature_validator"

_PATH = re.compile(r"/v1(?:beta|alpha)?/models/(?P<model>[^/:]+):(?P<operation>\w+)")
_THOUGHT = "Thinking about it."


class GeminiUpstream:
    """``input_limit`` in (emulated) tokens: words of the prompt."""

    def __init__(self, *, api_key: str | None = None, input_limit: int = 1_048_576) -> None:
        self.api_key = api_key
        self.input_limit = input_limit
        self.answers: deque[list[dict[str, Any]]] = deque()
        self.requests: deque[GenerateRequest] = deque(maxlen=100)
        """What was asked last, checked and typed."""

    def handle(self, request: SeenRequest) -> Reply:
        """The answer, or the error that Google would give."""
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != "POST":
            return self.error(404, "Requested entity was not found.")
        refused = self._refused_key(request)
        if refused is not None:
            return refused
        model, operation = match["model"], match["operation"]
        if "gemini" not in model:
            return self.error(404, f"models/{model} is not found for API version v1beta.")
        try:
            if operation in ("embedContent", "batchEmbedContents"):
                return _embeddings(request.body, operation, model)
            return self._generate(request, model, operation)
        except Refused as error:
            return self.error(400, str(error))

    def error(self, status: int, message: str) -> Reply:
        """Google's error shape; a 429 says when to come back."""
        error: dict[str, Any] = {"code": status, "message": message, "status": STATUSES.get(status, "UNKNOWN")}
        if status == 429:
            error["details"] = [
                {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []},
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"},
            ]
        return Reply.json({"error": error}, status)

    def _refused_key(self, request: SeenRequest) -> Reply | None:
        key = request.headers.get("x-goog-api-key") or request.query.get("key")
        if not key:
            return self.error(403, "Method doesn't allow unregistered callers (callers without established identity).")
        if self.api_key is None or key == self.api_key:
            return None
        reply = self.error(400, "API key not valid. Please pass a valid API key.")
        body = msgspec.json.decode(reply.pieces[0])
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
        body["error"]["details"] = [info]
        return Reply.json(body, 400)

    def _generate(self, request: SeenRequest, model: str, operation: str) -> Reply:
        asked = read(request.body, GenerateRequest)
        for complaint in complaints(asked, signatures=needs_signatures(model)):
            raise Refused(complaint)
        _check_signatures(asked)
        tokens = _words(msgspec.json.encode([asked.contents, asked.system_instruction, asked.tools]).decode())
        if tokens > self.input_limit:
            raise Refused(
                f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({self.input_limit})."
            )
        self.requests.append(asked)
        answer = self._answer(asked, model, tokens)
        if operation == "generateContent":
            return Reply.json(answer)
        if operation != "streamGenerateContent":
            return self.error(404, f"Operation {operation} was not found.")
        pieces = streamed(answer)
        if request.query.get("alt") == "sse":
            return Reply.events([b"data: " + msgspec.json.encode(piece) + b"\r\n\r\n" for piece in pieces])
        return Reply.json(pieces)

    def _answer(self, asked: GenerateRequest, model: str, tokens: int) -> dict[str, Any]:
        metadata: dict[str, Any] = {
            "promptTokenCount": tokens,
            "totalTokenCount": tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}],
        }
        answer: dict[str, Any] = {
            "usageMetadata": metadata,
            "modelVersion": model,
            "responseId": "mAitaLmkHPPlz7IPvtfUqQ4",
        }
        text = _last_text(asked)
        if "BLOCKME" in text:
            return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **answer}
        count = asked.generation.candidate_count or 1
        answer["candidates"] = [self._candidate(asked, model, index, text) for index in range(count)]
        spoken = [part for candidate in answer["candidates"] for part in candidate["content"]["parts"]]
        thoughts = sum(_words(part["text"]) for part in spoken if part.get("thought"))
        metadata["candidatesTokenCount"] = sum(_part_tokens(part) for part in spoken if not part.get("thought"))
        if thoughts:
            metadata["thoughtsTokenCount"] = thoughts
        if asked.cached_content:
            metadata["cachedContentTokenCount"] = tokens
        metadata["totalTokenCount"] += metadata["candidatesTokenCount"] + thoughts
        return answer

    def _candidate(self, asked: GenerateRequest, model: str, index: int, text: str) -> dict[str, Any]:
        parts = self.answers.popleft() if self.answers else answer_to(asked, model, text)
        reason = "SAFETY" if "UNSAFE" in text else _cut(asked, parts)
        candidate: dict[str, Any] = {
            "content": {"parts": parts, "role": "model"},
            "finishReason": reason,
            "index": index,
        }
        if asked.generation.response_logprobs:
            candidate["logprobsResult"] = _logprobs(parts, asked.generation.logprobs or 0)
            candidate["avgLogprobs"] = -0.5
        return candidate


def needs_signatures(model: str) -> bool:
    """Gemini 3 and later refuse a function call without its thought signature."""
    return not model.startswith(("gemini-1", "gemini-2"))


def signature_of(value: object) -> str:
    """The signature that this emulator gives and wants back."""
    return "sig" + hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()


def answer_to(asked: GenerateRequest, model: str, text: str) -> list[dict[str, Any]]:
    """Parts that fit the request."""
    thinking = asked.generation.thinking_config
    parts: list[dict[str, Any]] = []
    if thinking is not None and thinking.include_thoughts:
        parts.append({"text": _THOUGHT, "thought": True})
    calling = asked.tool_config.function_calling_config if asked.tool_config else None
    mode = calling.mode if calling else "AUTO"
    has_responses = any(part.function_response is not None for part in asked.contents[-1].parts)
    if asked.functions and mode != "NONE" and (mode == "ANY" or not has_responses):
        allowed = calling.allowed_function_names if calling else None
        return parts + _calls(asked, allowed, model)
    if asked.generation.response_mime_type == "application/json":
        schema = asked.generation.response_json_schema or asked.generation.response_schema or {}
        return [*parts, {"text": msgspec.json.encode(sample(schema) if schema else {"ok": True}).decode()}]
    return [*parts, {"text": f"You said: {text}"}]


def streamed(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The answer as Gemini streams it: texts word by word, other parts whole, the finish reason last."""
    shared = {name: value for name, value in answer.items() if name != "candidates"}
    if "candidates" not in answer:
        return [answer]
    pieces: list[dict[str, Any]] = []
    for candidate in answer["candidates"]:
        rest = {name: value for name, value in candidate.items() if name not in ("content", "finishReason")}
        for part in candidate["content"]["parts"]:
            for piece in _split(part):
                content = {"parts": [piece], "role": "model"}
                pieces.append({"candidates": [{**rest, "content": content}], **shared})
            rest.pop("logprobsResult", None)
        last = {"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": candidate["finishReason"]}
        pieces.append({"candidates": [{**last, "index": candidate["index"]}], **shared})
    for piece in pieces[:-1]:
        counted = piece["usageMetadata"]
        piece["usageMetadata"] = {**counted, "totalTokenCount": counted["promptTokenCount"]}
        piece["usageMetadata"].pop("candidatesTokenCount", None)
    return pieces


def _split(part: dict[str, Any]) -> list[dict[str, Any]]:
    if "text" not in part:
        return [part]
    rest = {name: value for name, value in part.items() if name not in ("text", "thoughtSignature")}
    words = [{**rest, "text": piece} for piece in re.findall(r"\s*\S+\s*$|\s*\S+", part["text"])]
    if "thoughtSignature" in part:
        words.append({"text": "", "thoughtSignature": part["thoughtSignature"]})
    return words or [part]


def _calls(asked: GenerateRequest, allowed: list[str] | None, model: str) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for number, function in enumerate(asked.functions):
        if allowed and function.name not in allowed:
            continue
        args = sample(function.parameters_json_schema or function.parameters or {"type": "object"})
        call: dict[str, Any] = {"name": function.name, "args": args}
        part: dict[str, Any] = {"functionCall": call}
        if needs_signatures(model):
            call["id"] = f"fc{number}"
            if not parts:
                part["thoughtSignature"] = signature_of([function.name, args])
        parts.append(part)
    return parts


def _check_signatures(asked: GenerateRequest) -> None:
    for index, content in enumerate(asked.contents):
        for part in content.parts:
            given, call = part.thought_signature, part.function_call
            if call is None or given in (None, UNSIGNED):
                continue
            if given != signature_of([call.name, call.args or {}]):
                raise Refused(f"contents[{index}]: Thought signature is not valid.")


def _last_text(asked: GenerateRequest) -> str:
    found: list[str] = []
    media = 0
    for part in asked.contents[-1].parts:
        if part.text:
            found.append(part.text)
        if part.function_response is not None:
            found.append(msgspec.json.encode(part.function_response.response).decode())
            media += len(part.function_response.parts or ())
        media += part.inline_data is not None or part.file_data is not None
    return " ".join(found) + (f" [{media} media]" if media else "")


def _cut(asked: GenerateRequest, parts: list[dict[str, Any]]) -> str:
    """Cut the last text at a stop sequence and at ``maxOutputTokens``; the finish reason."""
    last = parts[-1] if parts else {}
    if "text" not in last:
        return "STOP"
    for stop in asked.generation.stop_sequences or ():
        last["text"] = last["text"].partition(stop)[0]
    words = last["text"].split(" ")
    limit = asked.generation.max_output_tokens
    if limit is not None and len(words) > limit:
        last["text"] = " ".join(words[:limit])
        return "MAX_TOKENS"
    return "STOP"


def _logprobs(parts: list[dict[str, Any]], top: int) -> dict[str, Any]:
    tokens = [word for part in parts for word in part.get("text", "").split()]
    chosen = [{"token": token, "tokenId": number, "logProbability": -0.5} for number, token in enumerate(tokens)]
    return {"chosenCandidates": chosen, "topCandidates": [{"candidates": [one] * min(top, 1)} for one in chosen]}


def _embeddings(body: bytes, operation: str, model: str) -> Reply:
    if operation == "embedContent":
        return Reply.json({"embedding": _embedding(read(body, EmbedRequest), model)})
    batch = read(body, BatchEmbedRequest)
    for request in batch.requests:
        if request.model != f"models/{model}":
            raise Refused("requests[].model must match the model in the URL")
    return Reply.json({"embeddings": [_embedding(request, model) for request in batch.requests]})


def _embedding(request: EmbedRequest, model: str) -> dict[str, Any]:
    text = " ".join(part.text or "" for part in request.content.parts)
    digest = hashlib.sha256(f"{model} {text}".encode()).digest()
    size = request.output_dimensionality or DIMENSIONS
    return {"values": [digest[number % len(digest)] / 256 for number in range(size)]}


def _part_tokens(part: dict[str, Any]) -> int:
    return _words(part["text"]) if "text" in part else _words(msgspec.json.encode(part).decode())


def _words(text: str) -> int:
    return len(text.split())


if __name__ == "__main__":
    run_alone(GeminiUpstream(), "Gemini")
