"""What a rule that asks a model takes."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

LONGEST_CRITERION: Final = 4_000
PROSE: Final = {"written": "prose"}
"""Marks what forms give several lines."""


class JudgeOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which model is asked what.

    Raises:
        ValueError: there is no criterion or route, or a figure is out of range.
    """

    criterion: Annotated[str, msgspec.Meta(extra=PROSE)]
    """What is found, in a sentence or a few: "The text promises a refund." Say what is meant and what is not."""
    route: str
    """The route over which the model is asked: with the tenant's budgets, in its ledger. It sees the text."""
    when: Literal["inline", "after"] = "inline"
    """Inline: what follows waits for the verdict. After: it is only told, and no call waits for it."""
    sample_percent: float = 100
    """How many of the texts are judged; the same text always or never."""
    min_confidence: float = 0.5
    """Verdicts of which the model is less sure than this, 0 to 1, are left out."""

    def __post_init__(self) -> None:
        if not self.criterion.strip() or len(self.criterion) > LONGEST_CRITERION:
            raise ValueError(f"Give a criterion of at most {LONGEST_CRITERION:,} characters.")
        if not self.route.strip():
            raise ValueError("Name the route over which the model is asked.")
        if not 0 < self.sample_percent <= 100:
            raise ValueError("The share is above 0 and at most 100 percent.")
        if not 0 <= self.min_confidence <= 1:
            raise ValueError("The confidence is from 0 to 1.")
