"""Words and phrases from a list, also written with look-alikes, with invisible characters between, or in disguise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import ahocorasick_rs
import msgspec

from contracts.guardrails import Finding
from guardrails.engine.decoding import disguises
from guardrails.engine.folding import Reading, folded, in_small_letters, with_plain_blanks
from guardrails.engine.spans import Stretches
from guardrails.engine.text import Text

MAX_WORDS = 20_000
MAX_LENGTH = 200
_ENTITY = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class WordsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a list of words is.

    Raises:
        ValueError: there is no word, one is empty or too long, or there are too many.
    """

    words: tuple[str, ...]
    """Words and phrases; a blank in a phrase stands for any one blank."""
    exceptions: tuple[str, ...] = ()
    """Longer words and phrases in which a listed one may stand."""
    entity: str = "LISTED_WORD"
    """What a finding is called, and the placeholder that replaces it."""
    whole_words: bool = True
    """A listed word inside a longer one does not count."""
    case_sensitive: bool = False
    look_alikes: bool = True
    """Letters of other scripts, full-width ones and invisible characters do not hide a word."""
    disguised: bool = True
    """Nor do base64, letters set apart, figures for letters and the like; in what comes in only."""

    def __post_init__(self) -> None:
        if not self.words:
            raise ValueError("At least one word is needed.")
        if len(self.words) + len(self.exceptions) > MAX_WORDS:
            raise ValueError(f"At most {MAX_WORDS} words and exceptions.")
        for word in (*self.words, *self.exceptions):
            if not word.strip() or len(word) > MAX_LENGTH:
                raise ValueError(f"A word has 1 to {MAX_LENGTH} characters, not only blanks.")
        if (
            not self.entity.isascii()
            or not self.entity.replace("_", "").isalnum()
            or self.entity != self.entity.upper()
        ):
            raise ValueError("The entity is written in capital letters, figures and underscores.")


class Words:
    """Finds the words of a list; words that overlap are one finding."""

    def __init__(self, options: WordsOptions) -> None:
        if options.disguised:
            disguises()
        self._options = options
        self._disguised = options.disguised
        self._in_small_letters = options.look_alikes and not options.case_sensitive
        self._listed = self._automaton(options.words)
        self._excepted = self._automaton(options.exceptions) if options.exceptions else None
        longest = max(len(self._plain(word)) for word in (*options.words, *options.exceptions))
        # A word that is excepted can begin before the listed one and end after it.
        self.window: int | None = (2 * longest if options.exceptions else longest) + 2

    def find(self, text: Text) -> Sequence[Finding]:
        """The listed words, in order."""
        found = self._plainly(text)
        if self._disguised and (readings := text.decoded):
            for reading in readings:
                # A reading holds the plain words around a code word as well.
                known = {(one.start, one.end) for one in found}
                found.extend(
                    one
                    for one in self._in(reading, self._same_length(reading.text))
                    if (one.start, one.end) not in known
                )
        return _joined(found) if found else ()

    def _plainly(self, text: Text) -> list[Finding]:
        if self._in_small_letters:
            return self._in(text.folded, text.small)
        reading = text.folded if self._options.look_alikes else Reading(text.original)
        return self._in(reading, self._same_length(reading.text))

    def _in(self, reading: Reading, plain: str) -> list[Finding]:
        """``plain`` is what the reading says, as listed words are written."""
        there = self._listed.find_matches_as_indexes(plain, overlapping=True)
        return list(self._findings(reading, plain, there)) if there else []

    def _findings(self, reading: Reading, plain: str, there: Iterable[tuple[int, int, int]]) -> Iterator[Finding]:
        spans = list(self._spans(plain, there))
        if not spans:
            return
        excepted = Stretches(
            self._spans(plain, self._excepted.find_matches_as_indexes(plain, overlapping=True))
            if self._excepted is not None
            else ()
        )
        for start, end in spans:
            if excepted.cover(start, end):
                continue
            first, last = reading.span(start, end)
            yield Finding(first, last, self._options.entity, evidence=reading.disguise or "listed")

    def _spans(self, plain: str, there: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
        for _, start, end in there:
            if not self._options.whole_words or _stands_alone(plain, start, end):
                yield start, end

    def _automaton(self, words: tuple[str, ...]) -> ahocorasick_rs.AhoCorasick:
        return ahocorasick_rs.AhoCorasick(sorted({self._plain(word) for word in words}))

    def _plain(self, word: str) -> str:
        read = folded(word).text if self._options.look_alikes else word
        return self._same_length(" ".join(read.split()) or word)

    def _same_length(self, text: str) -> str:
        """As listed words are written, character for character."""
        return with_plain_blanks(text) if self._options.case_sensitive else in_small_letters(text)


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = start > 0 and _in_word(text[start - 1]) and _in_word(text[start])
    after = end < len(text) and _in_word(text[end]) and _in_word(text[end - 1])
    return not before and not after


def _in_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _joined(found: list[Finding]) -> list[Finding]:
    """Without overlaps: what overlaps becomes one finding, with the words of the first."""
    joined: list[Finding] = []
    for finding in sorted(found, key=lambda one: (one.start, -one.end, one.evidence)):
        last = joined[-1] if joined else None
        if last is None or finding.start >= last.end:
            joined.append(finding)
        elif finding.end > last.end:
            joined[-1] = msgspec.structs.replace(last, end=finding.end)
    return joined
