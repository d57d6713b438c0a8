"""Pairs of passage and sentence whose relation is known because one was made from the other.

Real sentences (news, answers, abstracts) are shortened, joined, denied, or have a figure, a name or a word changed:
what answers get wrong about their passages. Short descriptions of scenes alone, of which the labelled data is made,
would teach a model little about figures and names.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from rag.engine.support.lexicon import OPPOSITE, STOPWORDS, stem

SUPPORTED, NEUTRAL, CONTRADICTED = 0, 1, 2

_VERB: Final = re.compile(r"\b(is|was|are|were|will|has|have|had|can|could|would|should|did|does|may|must)\b(?! not)")
_DENIAL: Final = re.compile(r"\b(is|was|are|were|will|has|have|had|can|could|would|should|did|does|do) not\b ?")
_FIGURE: Final = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w]|[.,]\d)")
_NAME: Final = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{2,}(?: [A-Z][a-z]+)*")
_CLAUSE: Final = re.compile(r",? (?:and|but|which|while|after|because|although|as|when) |, ")
_ASIDE: Final = re.compile(r" (?:in|on|at|during|for|by|from|with|near|after) (?:[\w$%'.-]+ ?){1,5}(?=[,.;]|$)")


class Pair(NamedTuple):
    """A passage, a sentence, and how they stand to one another."""

    there: str
    said: str
    label: int
    group: str
    """Pairs of one group share words by design and are never split between learning and checking."""
    weight: float = 1.0


_ASIDES: Final = (
    "is not new", "nobody expected", "cannot be changed", "was not always so", "does not apply elsewhere",
    "is never paid", "was announced last week", "is not refunded", "many people know", "has no effect on others",
    "was not confirmed",
)  # fmt: skip

Change = Callable[[str, Sequence[str], random.Random], str | None]
"""A sentence made from another; None where this one does not lend itself. The texts are others to take words from."""


def denied(text: str, others: Sequence[str], chance: random.Random) -> str | None:
    """The same with a denial more, or less."""
    if _DENIAL.search(text):
        return _DENIAL.sub(r"\1 ", text, count=1)
    found = list(_VERB.finditer(text))
    if not found:
        return None
    at = chance.choice(found).end()
    return f"{text[:at]} {chance.choice(['not', 'not', 'never'])}{text[at:]}"


def other_figure(text: str, others: Sequence[str], chance: random.Random) -> str | None:
    """The same with another figure."""
    found = list(_FIGURE.finditer(text))
    if not found:
        return None
    one = chance.choice(found)
    value = float(one[0].replace(",", ""))
    shifted = value + chance.choice((-1, 1, 2, 10))
    if value >= 40:
        shifted = value * chance.choice((0.1, 0.5, 0.8, 1.1, 2, 10))
    digits = len(one[0].partition(".")[2])
    plain = f"{abs(shifted):,.{digits}f}" if "," in one[0] else f"{abs(shifted):.{digits}f}"
    return None if plain == one[0] else text[: one.start()] + plain + text[one.end() :]


def other_name(text: str, others: Sequence[str], chance: random.Random) -> str | None:
    """The same of somebody or something else."""
    found = list(_NAME.finditer(text))
    names: list[str] = [name for name in _NAME.findall(chance.choice(others)) if name not in text]
    if not found or not names:
        return None
    one = chance.choice(found)
    return text[: one.start()] + chance.choice(names) + text[one.end() :]


def swapped(text: str, others: Sequence[str], chance: random.Random) -> str | None:
    """Two names in each other's place."""
    found = list(_NAME.finditer(text))
    if len(found) < 2 or found[0][0] == found[-1][0]:
        return None
    a, b = found[0], found[-1]
    return text[: a.start()] + b[0] + text[a.end() : b.start()] + a[0] + text[b.end() :]


def opposite(text: str, others: Sequence[str], chance: random.Random) -> str | None:
    """The same with a word's opposite."""
    options = []
    for match in re.finditer(r"[a-z]{3,}", text):
        opposites = _OPPOSITES.get(match[0], ())
        options += [text[: match.start()] + other + text[match.end() :] for other in opposites]
    return chance.choice(options) if options else None


_PLAIN: Final = """
accept reject add remove always never before after begin end below above best worst better worse big small buy sell
cheap expensive close open decrease increase early late easy difficult enter leave fast slow first last gain loss good
bad high low higher lower hot cold import export include exclude inside outside large small legal illegal long short
more less most least new old north south east west over under positive negative private public profit loss rise fall
right wrong rich poor safe dangerous same different send receive strong weak succeed fail support oppose true false up
down valid invalid victory defeat win lose with without wide narrow optional required allow forbid permanent temporary
maximum minimum
"""
"""Words that are written in their base form."""


def _by_word() -> dict[str, list[str]]:
    known = list(dict.fromkeys(_PLAIN.split()))
    words = {one: [other for other in known if (stem(one), stem(other)) in OPPOSITE] for one in known}
    return {one: others for one, others in words.items() if others and one not in STOPWORDS}


_OPPOSITES: Final = _by_word()


def clause(text: str, others: Sequence[str], chance: random.Random) -> str | None:
    """Its first clause."""
    parts = [match.start() for match in _CLAUSE.finditer(text)]
    fitting = [at for at in parts if len(text[:at].split()) >= 5 and len(text[at:].split()) >= 3]
    return f"{text[: chance.choice(fitting)].rstrip(' ,;')}." if fitting else None


def without_aside(text: str, others: Sequence[str], chance: random.Random) -> str | None:
    """Without a detail of time, place or manner."""
    found = [match for match in _ASIDE.finditer(text) if len(text.split()) - len(match[0].split()) >= 5]
    if not found:
        return None
    one = chance.choice(found)
    return text[: one.start()] + text[one.end() :]


def same(text: str, others: Sequence[str], chance: random.Random) -> str | None:
    """The sentence itself."""
    return text


_WRONG: Final[tuple[Change, ...]] = (denied, other_figure, other_name, swapped, opposite)
_LESS: Final[tuple[Change, ...]] = (clause, without_aside)


def made(sentences: Sequence[str], chance: random.Random, source: str) -> list[Pair]:
    """Of each sentence one pair or more of each relation, as it lends itself; some among other sentences."""
    pairs: list[Pair] = []
    for at, text in enumerate(sentences):
        group = f"{source}{at}"
        around = _among(text, sentences, at, chance)
        for change in chance.sample(_WRONG, 3):
            wrong = change(text, sentences, chance)
            if wrong is not None and wrong != text:
                pairs.append(Pair(around, wrong, CONTRADICTED, group))
        less = chance.choice(_LESS)(text, sentences, chance)
        if less is not None and less != text:
            pairs.append(Pair(around, less, SUPPORTED, group))
            pairs.append(Pair(less, text, NEUTRAL, group))
        pairs.append(Pair(around, text, SUPPORTED, group, 0.5))
        pairs.append(Pair(around, sentences[(at + 1) % len(sentences)], NEUTRAL, group))
    return pairs


def reworded(pairs: Sequence[tuple[str, str]], chance: random.Random, source: str) -> list[Pair]:
    """Of each passage and a paraphrase of it: that it is borne out, among others too, and not once it is changed."""
    found: list[Pair] = []
    others = [said for _, said in pairs]
    for at, (there, said) in enumerate(pairs):
        group = f"{source}{at}"
        around = _joined(there, [one for one, _ in pairs], at, chance)
        found.append(Pair(there, said, SUPPORTED, group))
        found.append(Pair(around, said, SUPPORTED, group))
        for change in chance.sample(_WRONG, 3):
            wrong = change(said, others, chance)
            if wrong is not None and wrong != said:
                found.append(Pair(around, wrong, CONTRADICTED, group))
        found.append(Pair(around, others[(at + 1) % len(others)], NEUTRAL, group, 0.5))
    return found


def _joined(text: str, sentences: Sequence[str], at: int, chance: random.Random) -> str:
    """The sentence with what has nothing to do with it, at times with a denial, in one sentence or beside it."""
    other = sentences[(at + 1 + chance.randrange(5)) % len(sentences)]
    if chance.random() < 0.5:
        other = denied(other, sentences, chance) or other
    end = text.rstrip(" .")
    return chance.choice(
        [
            text,
            f"{text} {other}",
            f"{other} {text}",
            f"{end}, and {other[:1].lower()}{other[1:]}",
            f"{end}, which {chance.choice(_ASIDES)}.",
            f"{other.rstrip(' .')}; {text[:1].lower()}{text[1:]}",
        ]
    )


def _among(text: str, sentences: Sequence[str], at: int, chance: random.Random) -> str:
    """The sentence, in half of the cases with another before or after it."""
    other = sentences[(at + 2 + chance.randrange(3)) % len(sentences)]
    return chance.choice([text, text, f"{text} {other}", f"{other} {text}"])
