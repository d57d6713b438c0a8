"""Filters of the pages of evaluations: ``{% load evaluation %}``."""

from __future__ import annotations

from typing import Any

from django import template

from evaluation.engine.golden_files import text_of
from evaluation.models import EvalRun
from evaluation.pages import words

register = template.Library()


@register.filter
def asked(value: Any) -> str:
    """The text of an item's input."""
    return text_of(value)


@register.filter
def run_words(run: EvalRun) -> words.RunWords:
    """A run with how it stands."""
    return words.run_words(run)
