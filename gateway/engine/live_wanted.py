"""Who wants to score a call."""

from __future__ import annotations

import msgspec

from contracts.live_samples import LiveSpec


class Wanted(msgspec.Struct):
    """Noted once a call is going to be answered."""

    specs: list[tuple[LiveSpec, bool]]
    """Each with whether chance has chosen; if not, the call is taken where its route was seen too little."""
    output: str = ""
    """What the caller got."""
