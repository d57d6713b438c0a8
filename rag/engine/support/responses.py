"""What an answer looks like that has no passages to be held against: how it is worded, beside what was asked.

None of it knows what is true. Answers that are made up tend to come where something countable, recent or out of reach
is asked for, and to be dense with figures and names that the question does not have.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Final

import numpy as np

from embeddings.static import shared_embedder
from rag.engine.support.lexicon import NUMBERS
from rag.engine.support.texts import Floats, taken
from rag.engine.support.trees import FOLDER, Linear

SHAPES: Final = (
    "asked_words", "asked_lines", "asked_numbers", "asked_names", "asked_link", "asked_fact", "asked_made",
    "asked_count", "asked_code", "asked_quote", "asked_reading", "words", "sentences", "lines", "line_share", "numbers",
    "number_share", "names", "name_share", "years", "links", "code", "quotes", "questions", "model_speaks", "cannot",
    "hedges", "certain", "first_person", "denials", "variety", "word_length", "rarity", "rarest", "cover", "cover_back",
    "near", "count_off", "new_numbers", "new_names", "sums", "repeats", "ends", "ratio",
)  # fmt: skip
_LINK: Final = re.compile(
    r"https?://|www\.|\b(?:link|url|website|web page|webpage|article|attached|video|paper)\b", re.I
)
_FACT: Final = re.compile(
    r"\b(?:who|when|where|which|name|identify|what (?:is|are|was|were)|how (?:many|much|long|old|far)|find|"
    r"define|calculate|latest|current|population|capital|price|statistics?|data)\b", re.I
)  # fmt: skip
_MADE: Final = re.compile(
    r"\b(?:write|poem|story|tweet|suggest|create|design|generate|compose|imagine|brainstorm|haiku|slogan|"
    r"describe|metaphor)\b",
    re.I,
)
_READING: Final = re.compile(
    r"\b(?:summari[sz]e|classify|rewrite|edit|translate|convert|extract|sort|rearrange|complete|given|"
    r"following|count|analy[sz]e)\b",
    re.I,
)
_CODE: Final = re.compile(
    r"```|\b(?:code|function|program|script|sql|query|html|css|python|java(?:script)?|array|regex)\b", re.I
)
_COUNT: Final = re.compile(
    r"\b(\d{1,2}|two|three|four|five|six|seven|eight|nine|ten) (?:\w+ ){0,3}?(?:words?|sentences?|examples?|ideas?|"
    r"ways?|questions?|items?|reasons?|tips?|steps?|things|points?|lines?|adjectives|synonyms|facts|names|types|\w+s)\b",
    re.I,
)  # fmt: skip
_ITEM: Final = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*•])\s", re.M)
_MODEL: Final = re.compile(r"\bas an? (?:ai|artificial)|language model|\bi am an ai|\bi'm an ai", re.I)
_CANNOT: Final = re.compile(
    r"\b(?:cannot|can't|can not|unable to|not able to|do(?:n't| not) have (?:access|the ability|information|enough)|"
    r"sorry|not possible|no (?:specific |further )?(?:information|context)|please provide|not provided)\b", re.I
)  # fmt: skip
_HEDGE: Final = re.compile(
    r"\b(?:may|might|could|possibly|perhaps|generally|typically|usually|often|likely|approximately|about|around|some|"
    r"depending|depends|estimated?)\b", re.I
)  # fmt: skip
_CERTAIN: Final = re.compile(
    r"\b(?:definitely|certainly|always|never|all|exactly|precisely|in fact|according to|study)\b", re.I
)
_FIRST: Final = re.compile(r"\b(?:I|my|me|we|our)\b")
_YEAR: Final = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_SENTENCE: Final = re.compile(r"[.!?…。！？](?:\s|$)|\n")
_LONGEST: Final = 4000
"""Characters of an answer that are looked at."""


_SUM: Final = re.compile(r"\d\s*[-+*/x×÷=]\s*\d|=\s*-?\d")


@cache
def response_model() -> Linear:
    """The model of answers without passages, read at its first use."""
    return Linear.load(FOLDER / "responses.npz")


def response_risk(question: str, answer: str) -> float:
    """Calibrated probability that something in it is made up, from its wording and from what was asked alone."""
    return round(response_model().probability(seen(question, answer)), 4)


def seen(question: str, answer: str) -> Floats:
    """All that the model looks at: the shapes, and what both are about."""
    embedder = shared_embedder()
    about = embedder.embed(question[:_LONGEST]), embedder.embed(answer[:_LONGEST])
    return np.concatenate([shapes(question, answer), *about])


def shapes(question: str, answer: str) -> Floats:
    """One row, in the order of :data:`SHAPES`."""
    question, answer = question[:_LONGEST], answer[:_LONGEST]
    asked, said = taken(question), taken(answer)
    words = max(1, len(said.words))
    row = [*_asked(question), *_said(answer, words)]
    values, theirs = {one.value for one in asked.numbers}, {one.value for one in said.numbers}
    common = len(asked.known & said.known)
    row += [
        len(set(said.words)) / math.sqrt(words),
        sum(map(len, said.words)) / words,
        float(said.weights.mean()) / 20 if len(said.weights) else 0.0,
        float(said.weights.max()) / 40 if len(said.weights) else 0.0,
        common / max(1, len(said.known)),
        common / max(1, len(asked.known)),
        float(asked.whole @ said.whole),
        _count_off(question, answer),
        math.log1p(len(theirs - values)),
        math.log1p(len(said.names - asked.known)),
        float(_SUM.search(answer) is not None),
        _repeats(said.words),
        float(answer.rstrip()[-1:] in ".!?\"')`"),
        math.log1p(len(said.words)) - math.log1p(len(asked.words)),
    ]
    return np.array(row, dtype=np.float32)


def _asked(question: str) -> list[float]:
    known = taken(question)
    return [
        math.log1p(len(known.words)),
        math.log1p(question.count("\n")),
        math.log1p(len(known.numbers)),
        math.log1p(len(known.names)),
        float(_LINK.search(question) is not None),
        float(_FACT.search(question) is not None),
        float(_MADE.search(question) is not None),
        float(_COUNT.search(question) is not None),
        float(_CODE.search(question) is not None),
        float('"' in question),
        float(_READING.search(question) is not None),
    ]


def _said(answer: str, words: int) -> list[float]:
    known = taken(answer)
    lines = [one for one in answer.split("\n") if one.strip()]
    items = len(_ITEM.findall(answer))
    return [
        math.log1p(words),
        math.log1p(len(_SENTENCE.findall(answer))),
        math.log1p(len(lines)),
        items / max(1, len(lines)),
        math.log1p(len(known.numbers)),
        len(known.numbers) / words,
        math.log1p(len(known.names)),
        len(known.names) / words,
        math.log1p(len(_YEAR.findall(answer))),
        float("http" in answer or "www." in answer),
        float("```" in answer),
        math.log1p(answer.count('"')),
        float("?" in answer),
        float(_MODEL.search(answer) is not None),
        math.log1p(len(_CANNOT.findall(answer))),
        len(_HEDGE.findall(answer)) / math.sqrt(words),
        len(_CERTAIN.findall(answer)) / math.sqrt(words),
        len(_FIRST.findall(answer)) / math.sqrt(words),
        known.denials / math.sqrt(words),
    ]


def _count_off(question: str, answer: str) -> float:
    """Whether it lists another number of things than was asked for."""
    match, items = _COUNT.search(question), len(_ITEM.findall(answer))
    if match is None or not items:
        return 0.0
    wanted = int(match[1]) if match[1].isdigit() else NUMBERS[match[1].casefold()]
    return float(items != wanted)


def _repeats(words: tuple[str, ...]) -> float:
    """The share of runs of three words that came before."""
    runs = list(zip(words, words[1:], words[2:], strict=False))
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
