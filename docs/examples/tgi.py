"""Hugging Face Text Generation Inference, its own ``/generate`` API: plain text in, plain text out."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from contracts.chat import ChatChunk, ChatRequest, ChatResult, EmbeddingRequest, EmbeddingResult, Usage
from contracts.errors import ProviderBadResponse, ProviderError, UnsupportedParameter
from contracts.parts import text_of
from contracts.ports import UpstreamRequest
from contracts.specs import TargetSpec
from routing.providers.http_errors import class_of, provider_error
from routing.providers.openai_fields import passed_through, refused, without_dropped
from routing.providers.openai_shape import ChunkMaker, completion_body, decoded, quoted
from routing.providers.retry_after import retry_after_s
from routing.providers.sse import SseEvent, SseParser

LABEL = "TGI"
NEVER = (
    "tools", "response_format", "n", "logit_bias", "logprobs", "top_logprobs",
    "presence_penalty", "frequency_penalty", "reasoning_effort",
)  # fmt: skip
FINISH_REASONS = {"length": "length", "eos_token": "stop", "stop_sequence": "stop"}


class Details(msgspec.Struct):
    """How a text came to its end."""

    finish_reason: str
    generated_tokens: int
    prefill: list[dict[str, object]] = []
    input_length: int = 0


class Generated(msgspec.Struct):
    """A whole answer."""

    generated_text: str
    details: Details


class Token(msgspec.Struct):
    """One token; special ones are no text."""

    text: str
    special: bool = False


class StreamedToken(msgspec.Struct):
    """An event of a stream."""

    token: Token
    details: Details | None = None


GENERATED = msgspec.json.Decoder(Generated)
STREAMED = msgspec.json.Decoder(StreamedToken)


class TgiAdapter:
    """One prompt made of all turns; whatever TGI has no field for is refused."""

    kind = "tgi"
    supports_embeddings = False

    def unsupported_params(self, request: ChatRequest, target: TargetSpec) -> list[str]:
        """Tools, schemas, images and all that TGI has no parameter for."""
        found = refused(request, NEVER)
        found += [name for name, _ in passed_through(request, target)]
        for index, message in enumerate(request.messages):
            parts = message.content if isinstance(message.content, list) else ()
            if message.role == "tool" or any(part.get("type") != "text" for part in parts):
                found.append(f"messages[{index}].content")
        return without_dropped(found, target)

    def build_chat(self, request: ChatRequest, target: TargetSpec) -> UpstreamRequest:
        """``POST /generate`` or ``/generate_stream``."""
        turns = [f"{message.name or message.role}: {text_of(message)}" for message in request.messages]
        parameters = {
            "max_new_tokens": request.max_output_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed,
            "stop": request.stop_sequences or None,
            "details": True,
            "decoder_input_details": not request.stream,
        }
        body = {
            "inputs": "\n".join([*turns, "assistant:"]),
            "parameters": {name: value for name, value in parameters.items() if value is not None},
        }
        headers = [("content-type", "application/json"), *target.provider.headers]
        if target.provider.credential:
            headers.append(("authorization", f"Bearer {target.provider.credential.reveal()}"))
        operation = "generate_stream" if request.stream else "generate"
        url = f"{target.provider.base_url.rstrip('/')}/{operation}"
        return UpstreamRequest("POST", url, tuple(headers), msgspec.json.encode(body))

    def parse_chat(self, body: bytes, request: ChatRequest, target: TargetSpec) -> ChatResult:
        """The text as one choice."""
        answer = decoded(GENERATED, body, LABEL)
        usage = Usage(len(answer.details.prefill), answer.details.generated_tokens)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": answer.generated_text},
            "finish_reason": FINISH_REASONS.get(answer.details.finish_reason, "stop"),
        }
        model = target.model.wire_name
        return ChatResult(completion_body(id="tgi", created=0, model=model, choices=[choice], usage=usage), usage)

    def open_chat_stream(self, request: ChatRequest, target: TargetSpec) -> TgiStream:
        """A parser of one stream."""
        return TgiStream(target.model.wire_name)

    def build_embeddings(self, request: EmbeddingRequest, target: TargetSpec) -> UpstreamRequest:
        """Not with TGI."""
        raise UnsupportedParameter("TGI gives no embeddings.", param="model")

    def parse_embeddings(self, body: bytes, request: EmbeddingRequest, target: TargetSpec) -> EmbeddingResult:
        """Not with TGI."""
        raise UnsupportedParameter("TGI gives no embeddings.", param="model")

    def classify_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """TGI's errors are a status and ``{"error": "..."}``."""
        try:
            said = str(msgspec.json.decode(body, type=dict[str, str]).get("error", ""))
        except msgspec.DecodeError:
            said = ""
        return provider_error(
            class_of(status, said),
            provider=LABEL,
            message=quoted(LABEL, said, status),
            status=status,
            retry_after_s=retry_after_s(headers, body),
        )


class TgiStream:
    """One event for each token; the last one says how it ended."""

    def __init__(self, model: str) -> None:
        self._sse = SseParser()
        self._maker = ChunkMaker(created=0, model=model)
        self._started = self._done = False

    def feed(self, data: bytes) -> list[ChatChunk]:
        """Chunks that ``data`` completes."""
        return self._chunks(self._sse.feed(data))

    def close(self) -> list[ChatChunk]:
        """Fails unless the last token came with its details."""
        chunks = self._chunks(self._sse.close())
        if not self._done:
            raise ProviderBadResponse(f"{LABEL} ended its stream before the answer was complete.")
        return chunks

    def _chunks(self, events: list[SseEvent]) -> list[ChatChunk]:
        chunks = []
        for event in events:
            piece = decoded(STREAMED, event.data, LABEL)
            if not self._started:
                self._started = True
                chunks.append(self._maker.chunk({"role": "assistant", "content": ""}))
            if not piece.token.special:
                chunks.append(self._maker.chunk({"content": piece.token.text}))
            if piece.details is not None:
                self._done = True
                reason = FINISH_REASONS.get(piece.details.finish_reason, "stop")
                chunks.append(self._maker.chunk({}, finish_reason=reason))
                chunks.append(
                    self._maker.usage_chunk(Usage(piece.details.input_length, piece.details.generated_tokens))
                )
        return chunks


ADAPTERS = (TgiAdapter(),)
