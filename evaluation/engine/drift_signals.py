"""What of calls can drift, where it is read, how it is compared, and from where on a difference matters."""

from __future__ import annotations

from typing import Final

import msgspec

CALLS: Final = "calls"
SAMPLES: Final = "samples"
NUMBER: Final = "number"
LABEL: Final = "label"
SHARE: Final = "share"
MEANING: Final = "meaning"
YES: Final = "yes"
NO: Final = "no"
"""Labels of a share."""


class DriftSignal(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    name: str
    title: str
    source: str
    """``calls``: every call that ended; ``samples``: calls whose texts were sampled."""
    kind: str
    """``number`` | ``label`` | ``share`` (of calls of which it is true) | ``meaning`` (vectors)."""
    unit: str = ""
    """Of a number: ``ms`` | ``money`` | ``tokens``."""
    least: float
    """The effect from which on it matters, unless a monitor says otherwise."""
    about: str
    costs: bool = False

    @property
    def effect_about(self) -> str:
        """What the effect is, which for calls has the unit of a share of them."""
        if self.kind == MEANING:
            return "how well texts of now and before can be told apart: 0% not at all, 100% always"
        return "share of calls that are elsewhere than before"


def _named(*signals: DriftSignal) -> dict[str, DriftSignal]:
    return {one.name: one for one in signals}


DRIFT_SIGNALS: Final = _named(
    DriftSignal(
        name="latency",
        title="Latency",
        source=CALLS,
        kind=NUMBER,
        unit="ms",
        least=0.1,
        about="From request to answer.",
    ),
    DriftSignal(
        name="first_token",
        title="Time to first token",
        source=CALLS,
        kind=NUMBER,
        unit="ms",
        least=0.1,
        about="Of streamed calls.",
    ),
    DriftSignal(
        name="cost",
        title="Cost",
        source=CALLS,
        kind=NUMBER,
        unit="money",
        least=0.1,
        about="Of calls whose price is known.",
        costs=True,
    ),
    DriftSignal(
        name="input_length",
        title="Prompt length",
        source=CALLS,
        kind=NUMBER,
        unit="tokens",
        least=0.1,
        about="Input tokens.",
    ),
    DriftSignal(
        name="output_length",
        title="Answer length",
        source=CALLS,
        kind=NUMBER,
        unit="tokens",
        least=0.1,
        about="Output tokens of answered calls.",
    ),
    DriftSignal(
        name="failures", title="Failures", source=CALLS, kind=SHARE, least=0.02, about="Calls that ended in an error."
    ),
    DriftSignal(
        name="finish", title="Why answers end", source=CALLS, kind=LABEL, least=0.05, about="Providers' finish reasons."
    ),
    DriftSignal(
        name="guardrails",
        title="Guardrail hits",
        source=CALLS,
        kind=SHARE,
        least=0.03,
        about="Calls in which a rule found something.",
    ),
    DriftSignal(
        name="refusals",
        title="Refusals",
        source=SAMPLES,
        kind=SHARE,
        least=0.03,
        about="Sampled answers in which the model declines.",
    ),
    DriftSignal(
        name="input_language",
        title="Prompt language",
        source=SAMPLES,
        kind=LABEL,
        least=0.05,
        about="Of sampled prompts.",
    ),
    DriftSignal(
        name="output_language",
        title="Answer language",
        source=SAMPLES,
        kind=LABEL,
        least=0.05,
        about="Of sampled answers.",
    ),
    DriftSignal(
        name="input_meaning",
        title="What prompts are about",
        source=SAMPLES,
        kind=MEANING,
        least=0.05,
        about="Embeddings of sampled prompts.",
    ),
    DriftSignal(
        name="output_meaning",
        title="What answers are about",
        source=SAMPLES,
        kind=MEANING,
        least=0.05,
        about="Embeddings of sampled answers.",
    ),
)
"""By name, in the order that pages show."""
