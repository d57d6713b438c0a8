"""From where on something is worth a recommendation. All in one place, so that documents and pages can state them."""

from __future__ import annotations

from typing import Final

LEAST_SAVING_NANOUSD: Final = 10_000_000
"""In 30 days: a cent. Less is not worth reading about."""
NOT_WORSE: Final = 0.02
"""A candidate is not worse where the interval of each score's difference lies above minus this."""
LEAST_ITEMS: Final = 30
"""That both variants of a run answered."""
RUN_DAYS: Final = 90
"""How old a run may be."""
LEAST_REPEATS: Final = 20
LEAST_REPEAT_SHARE: Final = 0.02
"""Of a route's calls."""
LEAST_OUTPUT_CALLS: Final = 200
OVERSIZED: Final = 4
"""How many times the 99th percentile of the output a route's ``max_tokens`` is, on average."""
HEADROOM: Final = 1.5
"""Times the 99th percentile is what is advised."""
LEAST_INPUT: Final = 1_024
"""Tokens of a call on average: shorter prompts no provider keeps."""
LEAST_CACHED_SHARE: Final = 0.1
"""Of the input read from the provider's cache: with more, prompt caching is in use."""
LIKELY_PREFIX: Final = 0.3
"""Of the input that is taken to be the same in calls with long prompts; what is the same is not kept."""
LEAST_CALLS: Final = 200
UNUSED_DAYS: Final = 60
"""Since a key was used, or made."""
