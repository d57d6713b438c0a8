"""What a call used in the end: the provider's figures, or an estimate that says that it is one."""

from __future__ import annotations

import math

from contracts.chat import ChatResult, Usage

CHARACTERS_PER_TOKEN = 4.0
"""OpenAI's rule of thumb for English; only used where a provider reports nothing."""


def tokens_in_text(characters: int) -> int:
    """An estimate of the tokens in so many characters, rounded up."""
    return math.ceil(characters / CHARACTERS_PER_TOKEN)


def usage_of_result(result: ChatResult, estimated_input_tokens: int) -> Usage:
    """The answer's usage, estimated from its text when the provider reported none."""
    if result.usage is not None:
        return result.usage
    return Usage(input_tokens=estimated_input_tokens, output_tokens=tokens_in_text(len(result.text)), estimated=True)


def usage_of_cut_stream(reported: Usage | None, tokens: int, characters: int, cap: int, estimated_input: int) -> Usage:
    """The usage of a stream that was cut off at its cap: what was relayed, which is never beyond the cap."""
    known = reported is not None and reported.input_tokens > 0
    return Usage(
        input_tokens=reported.input_tokens if reported is not None and known else estimated_input,
        cached_input_tokens=reported.cached_input_tokens if reported is not None and known else 0,
        cache_write_tokens=reported.cache_write_tokens if reported is not None and known else 0,
        output_tokens=min(cap, max(tokens, tokens_in_text(characters))),
        estimated=True,
    )


def usage_of_stream(reported: Usage | None, characters: int, estimated_input_tokens: int) -> Usage:
    """A stream's usage; one that broke off before its usage chunk is billed by what was relayed."""
    if reported is not None and reported.output_tokens >= 0 and not reported.estimated:
        return reported
    return Usage(input_tokens=estimated_input_tokens, output_tokens=tokens_in_text(characters), estimated=True)
