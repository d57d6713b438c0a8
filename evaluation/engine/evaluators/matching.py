"""Answers held to a text or a pattern."""

from __future__ import annotations

import unicodedata
from typing import Any, Final

import msgspec
import re2

from evaluation.engine.evaluators.scores import Answered, Example, Scored

NOTHING_EXPECTED: Final = Scored(None, "no expectation", "The item does not say what is expected.")
_MAX_PATTERN: Final = 4_000
_MEMORY: Final = 8 << 20


class MatchOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What does not matter when texts are compared."""

    ignore_case: bool = True
    ignore_space: bool = True
    """Spaces and line breaks count as one, and at the ends not at all."""
    ignore_punctuation: bool = False


class ContainsOptions(MatchOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the answer has to hold."""

    texts: tuple[str, ...] = ()
    """Empty: the item's expected answer; one a line there."""
    all_of_them: bool = True
    """False: one is enough."""


class RegexOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pattern of RE2, which takes time that grows with the text alone.

    Raises:
        ValueError: it is no such pattern.
    """

    pattern: str
    ignore_case: bool = False
    must_match: bool = True
    """False: the answer must not match."""

    def __post_init__(self) -> None:
        compiled(self)


def compiled(options: RegexOptions) -> Any:
    """The pattern, ready.

    Raises:
        ValueError: it is none of RE2.
    """
    if not options.pattern or len(options.pattern) > _MAX_PATTERN:
        raise ValueError(f"A pattern has 1 to {_MAX_PATTERN:,} characters.")
    settings = re2.Options()
    settings.case_sensitive = not options.ignore_case
    settings.max_mem = _MEMORY
    settings.log_errors = False
    try:
        return re2.compile(options.pattern, settings)
    except re2.error as error:
        told = error.args[0] if error.args else ""
        words = told.decode("utf-8", "replace") if isinstance(told, bytes) else told
        raise ValueError(f"No pattern of RE2: {words}") from error


def plain(text: str, options: MatchOptions) -> str:
    """The text without what does not matter."""
    text = unicodedata.normalize("NFKC", text)
    if options.ignore_punctuation:
        text = "".join(" " if unicodedata.category(one).startswith("P") else one for one in text)
    if options.ignore_space:
        text = " ".join(text.split())
    return text.casefold() if options.ignore_case else text


class Exact:
    """The answer is the expected one."""

    def __init__(self, options: MatchOptions) -> None:
        self._options = options

    def score(self, example: Example, answer: Answered) -> Scored:
        """1 where it is."""
        if not example.expected:
            return NOTHING_EXPECTED
        same = plain(answer.text, self._options) == plain(example.expected, self._options)
        return Scored(1.0, "same") if same else Scored(0.0, "different", "The answer is not the expected one.")


class Contains:
    """The answer holds texts; the score is the share that it holds."""

    def __init__(self, options: ContainsOptions) -> None:
        self._options = options

    def score(self, example: Example, answer: Answered) -> Scored:
        """The share of the texts, or 1 where one of them is enough."""
        wanted = list(self._options.texts) or [one for one in example.expected.splitlines() if one.strip()]
        if not wanted:
            return NOTHING_EXPECTED
        said = plain(answer.text, self._options)
        missing = [one for one in wanted if plain(one, self._options) not in said]
        found = len(wanted) - len(missing)
        if not missing or (found and not self._options.all_of_them):
            return Scored(1.0, "contains")
        return Scored(found / len(wanted), "missing", f"It does not say: {missing[0][:200]}")


class Regex:
    """The answer matches a pattern, or does not."""

    def __init__(self, options: RegexOptions) -> None:
        self._options = options
        self._pattern = compiled(options)

    def score(self, example: Example, answer: Answered) -> Scored:
        """1 where it is as it must be."""
        matches = self._pattern.search(answer.text) is not None
        right = matches == self._options.must_match
        label = "matches" if matches else "no match"
        why = "" if right else f"The answer {'matches' if matches else 'does not match'}."
        return Scored(1.0 if right else 0.0, label, why)
