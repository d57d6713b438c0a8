"""What of a text must not differ where its answer is to serve another one: numbers, names, negation, the question."""

from __future__ import annotations

import re
from typing import Final

import msgspec


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_NUMBER: Final = re.compile(r"\d+(?:[.,:/]\d+)*")
_SENTENCE_END: Final = frozenset('.?!:\n"')
_NEGATIONS: Final = _set(
    "not no never none nobody nothing neither nor without cannot can't don't doesn't didn't won't isn't aren't wasn't "
    "weren't shouldn't wouldn't couldn't hasn't haven't hadn't ain't unable fail failed fails stop stopped declined "
    "nicht kein keine keinen nie niemals ohne pas jamais sans sin nunca non mai senza não sem niet geen"
)
_QUESTIONS: Final = _set(
    "how what why when where who whom whose which can could do does did is are was were will would should may "
    "wie was warum wann wo wer welche comment quoi pourquoi quand qui quel cómo qué por cuándo dónde quién"
)
_LIGHT: Final = _set(
    "a an the of to in on at for from by with and or but as is are was were be been am do does did i you he she it we "
    "they my your his her its our their me him us them this that these those there here some any so very just really "
    "please can could would should will what how which who when where why if then than about into"
)
_COMPARISON: Final = (
    ("before", "after"), ("buy", "sell"), ("increase", "decrease"), ("rise", "fall"), ("rose", "fell"), ("up", "down"),
    ("enable", "disable"), ("open", "close"), ("start", "stop"), ("gain", "lose"), ("more", "less"), ("best", "worst"),
    ("advantages", "disadvantages"), ("pros", "cons"), ("import", "export"), ("add", "remove"), ("send", "receive"),
    ("on", "off"), ("first", "last"), ("male", "female"), ("man", "woman"), ("boys", "girls"), ("higher", "lower"),
    ("deposit", "withdraw"), ("physical", "virtual"), ("credit", "debit"), ("encrypt", "decrypt"), ("win", "lose"),
)  # fmt: skip
_OPPOSITE: Final = {one: other for pair in _COMPARISON for one, other in (pair, pair[::-1])}


class Profile(msgspec.Struct, frozen=True):
    """One text."""

    words: frozenset[str]
    """All, in lower case."""
    heavy: frozenset[str]
    """Those that carry meaning."""
    order: tuple[str, ...]
    """Those that carry meaning, as they come."""
    numbers: frozenset[str]
    names: frozenset[str]
    """Capitalised within a sentence, or all capitals; in lower case."""
    negated: bool
    asks: str
    """The first question word, empty where there is none."""


def profile_of(text: str) -> Profile:
    """Read a text once."""
    words: list[str] = []
    names: set[str] = set()
    for found in _WORD.finditer(text):
        word = found.group()
        lower = word.lower().replace("\u2019", "'")
        words.append(lower)
        if word[0].isupper() and lower != "i":
            before = text[: found.start()].rstrip()[-1:]
            begins = not before or before in _SENTENCE_END
            if not begins or (len(word) > 1 and word.isupper()):
                names.add(lower)
    order = tuple(word for word in words if word not in _LIGHT)
    return Profile(
        words=frozenset(words),
        heavy=frozenset(order),
        order=order,
        numbers=frozenset(_NUMBER.findall(text)),
        names=frozenset(names),
        negated=any(word in _NEGATIONS for word in words),
        asks=next((word for word in words if word in _QUESTIONS), ""),
    )


def opposed(one: Profile, other: Profile) -> bool:
    """Whether one says a word, and the other its opposite instead."""
    only_one, only_other = one.words - other.words, other.words - one.words
    return any(_OPPOSITE.get(word) in only_other for word in only_one)


def difference(new: Profile, kept: Profile) -> str:
    """In what the texts differ so that no similarity makes up for it: ``numbers``, ``negation``, ``opposites`` or
    ``names``; empty where in none of them.
    """
    if new.numbers != kept.numbers:
        return "numbers"
    if new.negated != kept.negated:
        return "negation"
    if opposed(new, kept):
        return "opposites"
    # One name in place of another; a title or an odd capital alone is no name of anything, and the judge weighs it.
    return "names" if new.names - kept.words and kept.names - new.words else ""


def names_differ(new: Profile, kept: Profile) -> bool:
    """A name of one that the other does not mention in whatever case."""
    return bool(new.names - kept.words or kept.names - new.words)
