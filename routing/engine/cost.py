"""What a call costs: exact integer arithmetic in nano-USD, rounded once at the end."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.chat import Usage
from contracts.specs import ModelSpec, PriceSpec, TargetSpec

_PER_MILLION = 1_000_000

DEFAULT_OUTPUT_TOKENS = 4_096
"""Reserved for an answer when neither the caller nor the model caps it: the default cap of most providers' models."""


def cost_nanousd(usage: Usage, price: PriceSpec | None) -> int | None:
    """The price of ``usage``, half a nano-USD rounded up; None when the price is unknown.

    Parts (cached, cache write, audio, image; reasoning, audio, image) are counted inside their total, as ``Usage``
    says; a part larger than what is left of its total is cut to it, so that a provider's odd figures never make a cost
    negative.
    """
    if price is None:
        return None
    scaled = _input_cost(usage, price) + _output_cost(usage, price)
    return (scaled + _PER_MILLION // 2) // _PER_MILLION + price.request


def _input_cost(usage: Usage, price: PriceSpec) -> int:
    plain = max(0, usage.input_tokens)
    total = 0
    for tokens, special in (
        (usage.cached_input_tokens, price.cached_input),
        (usage.cache_write_tokens, price.cache_write),
        (usage.audio_input_tokens, price.audio_input),
        (usage.image_input_tokens, price.image_input),
    ):
        if tokens > 0 and special is not None:
            part = min(tokens, plain)
            plain -= part
            total += part * special
    return total + plain * price.input


def _output_cost(usage: Usage, price: PriceSpec) -> int:
    plain = max(0, usage.output_tokens)
    total = 0
    for tokens, special in (
        (usage.reasoning_tokens, price.reasoning),
        (usage.audio_output_tokens, price.audio_output),
        (usage.image_output_tokens, price.image_output),
    ):
        if tokens > 0 and special is not None:
            part = min(tokens, plain)
            plain -= part
            total += part * special
    return total + plain * price.output


def upper_bound_nanousd(
    price: PriceSpec | None, *, input_tokens: int, output_tokens: int, audio: bool = False
) -> int | None:
    """The most that a call of at most these sizes can cost, for reservations; None when the price is unknown.

    Every token is charged as :func:`dearest_kinds` says.
    """
    if price is None:
        return None
    dearest_in, dearest_out = dearest_kinds(price, audio=audio)
    scaled = max(0, input_tokens) * dearest_in + max(0, output_tokens) * dearest_out
    return -(-scaled // _PER_MILLION) + price.request


def dearest_kinds(price: PriceSpec, *, audio: bool) -> tuple[int, int]:
    """Prices of the dearest kinds that a token of input and one of output could turn out to be.

    Audio prices count only when ``audio`` is involved.
    """
    dearest_in = max(price.input, price.cached_input or 0, price.cache_write or 0, price.image_input or 0)
    dearest_out = max(price.output, price.reasoning or 0, price.image_output or 0)
    if not audio:
        return dearest_in, dearest_out
    return max(dearest_in, price.audio_input or 0), max(dearest_out, price.audio_output or 0)


def output_token_bound(requested: int | None, model: ModelSpec, choices: int = 1) -> int:
    """The most output tokens an answer of ``choices`` choices can hold: the caller's cap, the model's, or 4,096."""
    bound = requested if requested is not None else model.max_output_tokens
    if bound is None:
        bound = DEFAULT_OUTPUT_TOKENS
    return max(0, bound) * max(1, choices)


def dearest_nanousd(
    targets: Iterable[TargetSpec], *, input_tokens: int, requested_output: int | None, choices: int = 1
) -> int | None:
    """The upper bound over all targets that could serve a call; None when no target's price is known."""
    bounds = [
        bound
        for target in targets
        if (
            bound := upper_bound_nanousd(
                target.model.price,
                input_tokens=input_tokens,
                output_tokens=output_token_bound(requested_output, target.model, choices),
                audio="audio" in target.model.capabilities,
            )
        )
        is not None
    ]
    return max(bounds) if bounds else None
