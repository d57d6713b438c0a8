"""The signals: what is looked at minute by minute, in which unit, of which segments, and how it is worked out.

All rest on the sums of ``events/traffic``. A signal's value at a minute is that of the window that ends with it, so a
share is one of all calls of the window, and a percentile that of their histogram.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from events.traffic.measures import Kind, Measured
from events.traffic.retrieval import RetrievalPart
from events.traffic.scores import UNIT, range_of

if TYPE_CHECKING:
    # Pages know the signals by name; what numbers they are made of takes numpy, which web workers do without.
    from alerting.engine.frames import Frame
    from alerting.engine.series import Floats

ALL, ROUTE, MODEL, KEY = "all", "route", "model", "key"
SEGMENTS: Final = {ALL: Kind.ALL, ROUTE: Kind.ROUTE, MODEL: Kind.MODEL, KEY: Kind.KEY}
"""Kind of segment → the kind of its rows."""
OF_ANY: Final = (ALL, ROUTE, MODEL, KEY)
OF_ALL: Final = (ALL,)

Parts = tuple[Any, Any]
"""Per minute: what is counted, and what it is divided by."""


class Segment(msgspec.Struct, frozen=True):
    """Which calls: all, or those of one route, model or key."""

    kind: str = ALL
    part: str = ""
    evaluator: str = ""
    """By whom, where scores are looked at."""

    @property
    def of(self) -> tuple[Kind, str]:
        """As traffic's tables write it."""
        return SEGMENTS[self.kind], self.part

    def __str__(self) -> str:
        return "all calls" if self.kind == ALL else f"{self.kind} {self.part}"


class Signal(msgspec.Struct, frozen=True):
    """One thing that can be looked at."""

    name: str
    title: str
    unit: str
    """``number``, ``percent`` (a share of 1), ``ms``, ``money`` (nano-USD) or ``tokens``."""
    worse: str = "up"
    """``up`` | ``down``: in which direction it is a worry, mostly."""
    parts: Callable[[Any, Segment], Parts] | None = None
    """None: a percentile."""
    rate: bool = False
    """A number per minute: the window's minutes are what it is divided by."""
    measured: Measured = Measured.DURATION
    share: float = 0.0
    """Of a percentile, such as 0.95."""
    segments: tuple[str, ...] = OF_ANY
    about: str = ""
    costs: bool = False
    """For who may see costs only."""
    yes_or_no: bool = True
    """Of a share: whether calls count whole or not at all."""
    of_prompts: bool = False
    """How far prompts are from what they were, see :mod:`alerting.engine.prompt_shift`."""


def _calls(frame: Frame, segment: Segment) -> Floats:
    return frame.measure("requests", *segment.of)


def _per_call(name: str) -> Callable[[Frame, Segment], Parts]:
    return lambda frame, segment: (frame.measure(name, *segment.of), _calls(frame, segment))


def _cost_per_call(frame: Frame, segment: Segment) -> Parts:
    known = _calls(frame, segment) - frame.measure("price_unknown", *segment.of)
    return frame.measure("cost_nanousd", *segment.of), known.clip(0)


def _latency_mean(frame: Frame, segment: Segment) -> Parts:
    return frame.measure("duration_us", *segment.of) / 1000, _calls(frame, segment)


def _output_length(frame: Frame, segment: Segment) -> Parts:
    answered = _calls(frame, segment) - frame.measure("errors", *segment.of)
    return frame.measure("output_tokens", *segment.of), answered.clip(0)


def _refusals(frame: Frame, segment: Segment) -> Parts:
    refused = frame.over_parts("requests", Kind.REFUSAL)
    return refused, refused + _calls(frame, segment)


def _scores(frame: Frame, segment: Segment) -> Parts:
    first, end = range_of(segment.evaluator, segment.kind, segment.part)
    return frame.within("cost_nanousd", Kind.SCORE, first, end) / UNIT, frame.within("requests", Kind.SCORE, first, end)


def _share_of(part: RetrievalPart, whole: RetrievalPart) -> Callable[[Frame, Segment], Parts]:
    return lambda frame, segment: (
        frame.measure("requests", Kind.RETRIEVAL, part.value),
        frame.measure("requests", Kind.RETRIEVAL, whole.value),
    )


def _mean_of(part: RetrievalPart) -> Callable[[Frame, Segment], Parts]:
    return lambda frame, segment: (
        frame.measure("cost_nanousd", Kind.RETRIEVAL, part.value) / UNIT,
        frame.measure("requests", Kind.RETRIEVAL, part.value),
    )


def _guard(event: str) -> Callable[[Frame, Segment], Parts]:
    return lambda frame, segment: (frame.measure("requests", Kind.GUARD, event), _calls(frame, segment))


SIGNALS: Final[dict[str, Signal]] = {
    signal.name: signal
    for signal in (
        Signal("error_rate", "Error rate", "percent", parts=_per_call("errors"), about="Failed calls of all calls."),
        Signal("latency_p50", "Latency, median", "ms", share=0.5, segments=OF_ALL, about="Of answered calls."),
        Signal("latency_p95", "Latency, p95", "ms", share=0.95, segments=OF_ALL, about="Of answered calls."),
        Signal("latency_p99", "Latency, p99", "ms", share=0.99, segments=OF_ALL, about="Of answered calls."),
        Signal("latency_mean", "Latency, mean", "ms", parts=_latency_mean, about="Of all calls that ended."),
        Signal(
            "first_token_p95",
            "First token, p95",
            "ms",
            measured=Measured.FIRST_TOKEN,
            share=0.95,
            segments=OF_ALL,
            about="Of answered calls that streamed.",
        ),
        Signal("requests", "Calls a minute", "number", "down", _per_call("requests"), rate=True),
        Signal("input_tokens", "Input tokens a minute", "tokens", parts=_per_call("input_tokens"), rate=True),
        Signal("output_tokens", "Output tokens a minute", "tokens", parts=_per_call("output_tokens"), rate=True),
        Signal("output_length", "Output tokens a call", "tokens", parts=_output_length, about="Of answered calls."),
        Signal("cost", "Cost a minute", "money", parts=_per_call("cost_nanousd"), rate=True, costs=True),
        Signal(
            "cost_per_call",
            "Cost a call",
            "money",
            parts=_cost_per_call,
            about="Of calls whose price is known.",
            costs=True,
        ),
        Signal(
            "fallback_rate", "Fallback rate", "percent", parts=_per_call("fallbacks"), about="Another target answered."
        ),
        Signal(
            "retry_rate", "Retries a call", "number", parts=_per_call("retries"), about="Attempts beyond the first."
        ),
        Signal("cache_hit_rate", "Kept answers", "percent", "down", _per_call("cached_answers"), about="Of all calls."),
        Signal(
            "refusal_rate",
            "Refusal rate",
            "percent",
            parts=_refusals,
            segments=OF_ALL,
            about="Requests that never became calls: limits, budgets, keys, bad requests.",
        ),
        Signal(
            "guardrail_rate",
            "Guardrail hits a call",
            "number",
            parts=_guard("guardrail.rule.matched"),
            segments=OF_ALL,
            about="Rules that found something.",
        ),
        Signal(
            "blocked_rate",
            "Blocked by guardrails",
            "percent",
            parts=_guard("guardrail.call.blocked"),
            segments=OF_ALL,
            about="Calls refused, or answers withheld.",
        ),
        Signal(
            "retrieval_empty",
            "Searches without a passage",
            "percent",
            parts=_share_of(RetrievalPart.EMPTY, RetrievalPart.SEARCHES),
            segments=OF_ALL,
            about="Of searches of documents, over the API and for answers.",
        ),
        Signal(
            "retrieval_similarity",
            "Similarity of the best passage",
            "percent",
            "down",
            _mean_of(RetrievalPart.SIMILARITY),
            segments=OF_ALL,
            yes_or_no=False,
            about="Mean cosine, of searches by vectors: falls where questions move away from the documents.",
        ),
        Signal(
            "retrieval_degraded",
            "Searches with a part left out",
            "percent",
            parts=_share_of(RetrievalPart.DEGRADED, RetrievalPart.SEARCHES),
            segments=OF_ALL,
            about="Vectors, rewriting or reranking failed or took too long.",
        ),
        Signal(
            "answer_risk",
            "Risk that answers are not borne out",
            "percent",
            parts=_mean_of(RetrievalPart.RISK),
            segments=OF_ALL,
            yes_or_no=False,
            about="Mean over answers that rest on documents.",
        ),
        Signal(
            "unsupported_answers",
            "Answers with an unsupported claim",
            "percent",
            parts=_share_of(RetrievalPart.UNSUPPORTED, RetrievalPart.RISK),
            segments=OF_ALL,
            about="Of answers that rest on documents.",
        ),
        Signal(
            "score",
            "Score",
            "percent",
            "down",
            _scores,
            segments=(ALL, ROUTE, MODEL),
            yes_or_no=False,
            about="Mean of an evaluator's scores of live calls; scores count at the time at which they are given.",
        ),
        Signal(
            "prompt_shift",
            "Shift of prompts",
            "percent",
            segments=(ALL, ROUTE),
            of_prompts=True,
            about="How far what is asked has moved from these hours of the last week; 0 is what chance makes of so few "
            "prompts, 100% as far as one prompt is from the middle of all. A live evaluation adds prompts up for it.",
        ),
    )
}
