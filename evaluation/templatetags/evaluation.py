"""Filters of the pages of evaluations: ``{% load evaluation %}``."""

from __future__ import annotations

from typing import Any

from django import template

from evaluation.engine.golden_files import text_of
from evaluation.models import DriftMonitor, EvalRun
from evaluation.pages import drift_words, words

register = template.Library()


@register.filter
def asked(value: Any) -> str:
    """The text of an item's input."""
    return text_of(value)


@register.filter
def run_words(run: EvalRun) -> words.RunWords:
    """A run with how it stands."""
    return words.run_words(run)


@register.filter
def drift_phase(monitor: DriftMonitor) -> tuple[str, str, str]:
    """Label, tone and icon of where a drift monitor stands."""
    return drift_words.phase_in_words(monitor, getattr(monitor, "state", None))


@register.filter
def looks_at(monitor: DriftMonitor) -> str:
    """Which figures of which calls."""
    return drift_words.looks_at_in_words(monitor)
