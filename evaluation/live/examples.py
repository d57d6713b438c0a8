"""A handed-on call as evaluators see it, and as its sample is written. Pure but for the models it asks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from contracts.live_samples import HandedCall
from evaluation.engine.evaluators.scores import Answered, Example

_LETTERS_OF_A_LANGUAGE: Final = 20
_CHARACTERS_LOOKED_AT: Final = 1_000
_PASSAGES: Final = ("tool", "function")


def example_of(call: HandedCall) -> Example:
    """What was asked. The passages are those of documents; without any, what tools gave back, or the system prompt."""
    return Example(
        input=asked_in(call),
        messages=[{"role": role, "content": text} for role, text in call.messages],
        context=passages_of(call),
        tags=sorted(call.tags.values()),
    )


def asked_in(call: HandedCall) -> str:
    """What the user said last."""
    return next((text for role, text in reversed(call.messages) if role == "user"), "")


def passages_of(call: HandedCall) -> list[str]:
    """What the answer is to rest on."""
    if call.context:
        return call.context
    given = [text for role, text in call.messages if role in _PASSAGES and text.strip()]
    return given or [text for role, text in call.messages if role in ("system", "developer") and text.strip()]


def answered_of(call: HandedCall) -> Answered:
    """What was answered, with what it took."""
    return Answered(
        text=call.output,
        model=call.model,
        cost_usd=(call.cost_nanousd or 0) / 1_000_000_000,
        latency_ms=call.duration_ms,
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
    )


def moment_of(call: HandedCall) -> datetime:
    """When the call ended."""
    return datetime.fromtimestamp(call.at_ms / 1000, UTC)


def language_of(text: str) -> str:
    """ISO 639-1; empty where there are too few letters to tell."""
    shown = text[:_CHARACTERS_LOOKED_AT]
    if sum(map(str.isalpha, shown)) < _LETTERS_OF_A_LANGUAGE:
        return ""
    # Its model takes a second to load, in workers only.
    import py3langid

    return str(py3langid.classify(shown)[0])


def declines(text: str) -> bool:
    """Whether the model says that it will not answer."""
    from guardrails.engine.detectors.output.refusal import Refusal, RefusalOptions
    from guardrails.engine.text import Text

    return bool(Refusal(RefusalOptions()).find(Text(text)))


def embedding_of(text: str) -> Any:
    """As the database takes it; None where there is nothing, or no model."""
    from embeddings.static import EmbeddingModelMissing, shared_embedder

    if not text.strip():
        return None
    try:
        return shared_embedder().embed(text).tolist()
    except EmbeddingModelMissing:
        return None
