"""How runs, scores and verdicts are called and coloured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from console import formats
from evaluation.engine.golden_files import text_of
from evaluation.models import EvalRun, GoldenItem
from evaluation.summaries import HIGHER_IS_BETTER

STATES: Final = {
    "waiting": ("Waiting", "neutral", "clock"),
    "running": ("Running", "info", "player-play"),
    "done": ("Done", "good", "circle-check"),
    "failed": ("Failed", "bad", "circle-x"),
    "stopped": ("Stopped", "warn", "player-stop"),
}
VERDICTS: Final = {"good": ("Good", "good"), "fair": ("Fair", "warn"), "bad": ("Bad", "bad")}
OUTCOMES: Final = {
    "pass": ("Passes", "good", "circle-check"),
    "fail": ("Fails", "bad", "circle-x"),
    "undecided": ("Undecided", "warn", "help"),
}
MEASURE_NAMES: Final = {
    "answered": "Answered",
    "latency_ms": "Latency",
    "cost_nanousd": "Cost per answer",
    "output_tokens": "Output tokens",
}


def text_of_item(item: GoldenItem) -> str:
    """What is asked, or that nobody knows any more."""
    return text_of(item.input) if item.erased_at is None else "Erased with the end user who asked."


@dataclass(frozen=True, slots=True)
class RunWords:
    """A run in a list."""

    run: EvalRun
    label: str
    tone: str
    icon: str
    share: float
    """Of its items that are done."""


def run_words(run: EvalRun) -> RunWords:
    """The run with how it stands."""
    return RunWords(run, *STATES[run.state], share=run.done / run.total if run.total else 0.0)


def value_in_words(measure: str, value: float | None, *, signed: bool = False) -> str:
    """A figure of a measure: points for scores, money and times for what they are."""
    if value is None:
        return formats.NOTHING
    sign = ("+" if value > 0 else "\u2212" if value < 0 else "±") if signed else ""
    size = abs(value) if signed else value
    if measure == "latency_ms":
        return sign + formats.duration(size)
    if measure == "cost_nanousd":
        dollars = formats.money(round(size))
        # A bound such as “<$0.000001” takes no sign.
        return dollars if dollars.startswith("<") else sign + dollars
    if measure == "output_tokens":
        return sign + f"{size:,.0f}"
    return sign + (f"{size * 100:.1f}" if signed else f"{size * 100:.1f}%")


def measure_name(measure: str) -> str:
    """As people call it."""
    return MEASURE_NAMES.get(measure, measure)


def tone_of(measure: str, comparison: dict[str, Any]) -> tuple[str, str]:
    """Tone and word of a difference: only one whose interval leaves out nothing is called better or worse."""
    low, high = comparison["low"], comparison["high"]
    if low is None or high is None or low <= 0 <= high:
        return "neutral", "No difference proven"
    better = (low > 0) == HIGHER_IS_BETTER.get(measure, True)
    return ("good", "Better") if better else ("bad", "Worse")
