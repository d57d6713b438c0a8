"""A text taken apart for comparison: words, their vectors and weights, numbers with units, names, denials."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from embeddings.static import DIMENSIONS, shared_embedder, unit
from rag.engine.support.lexicon import MONTHS, NEGATIONS, NUMBERS, SCALES, STOPWORDS, stem

Floats = np.ndarray[Any, np.dtype[np.float32]]

_TOKEN: Final = re.compile(
    r"(?P<number>[$€£¥]?(?<![\w.])[-+]?\d+(?:[,.\u202f\u00a0'’ ]\d{3})*(?:[.,]\d+)?)(?P<unit>\s?%|[a-zA-Z°]{1,3}\b)?"
    r"|(?P<cjk>[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])|(?P<word>[^\W\d_]+(?:['’-][^\W\d_]+)*)"
)
_AFTER: Final = re.compile(r"[\s-]*([^\W\d_]+)")
_BEFORE: Final = re.compile(r"([^\W\d_]+)\.?[\s-]*$")
_SIGNS: Final = "$€£¥"
_PERCENT: Final = frozenset({"percent", "prozent", "pourcent", "percentage", "pct"})
_STOP: Final = re.compile(r"[.,;:!?()–—]|\b(?:but|unless|except|while|and|aber|sondern|mais|pero)\b", re.IGNORECASE)
_REACH: Final = 3
"""Words that say something to which a denial applies."""
_LIMIT: Final = 120
"""Words of a stretch that are compared; sentences are far shorter."""


class Number(NamedTuple):
    """A figure with what it counts, as far as the words around tell."""

    value: float
    unit: str
    """``%``, ``$``, a month, or the stem of the word that follows; empty where there is none."""
    text: str


class Word(NamedTuple):
    """What is known of a word by itself."""

    stem: str
    says: bool
    """Whether it is neither frequent, nor a denial, nor a number."""
    denies: bool
    weight: float
    """How rare it is: the length of its vector. 0 for words that say nothing."""


@lru_cache(maxsize=16384)
def word_of(word: str) -> Word:
    """That of a word in lower case."""
    denies = word in NEGATIONS or word.endswith("n't")
    base = word.removesuffix("'s")
    says = not denies and base not in STOPWORDS and base not in NUMBERS
    vector = _vector(base) if says else None
    return Word(stem(base), says, denies, float(np.sqrt(vector @ vector)) if vector is not None else 0.0)


@lru_cache(maxsize=8192)
def _vector(word: str) -> Floats:
    return shared_embedder().sum_of(shared_embedder().tokens(word))


class Taken:
    """A text taken apart; what costs more is made when it is asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        words: list[str] = []
        said: list[str] = []
        names: set[str] = set()
        numbers: list[Number] = []
        denied: set[str] = set()
        reach, before = 0, 0
        for match in _TOKEN.finditer(text):
            if match["number"] is not None:
                numbers.append(_number(match, text))
                continue
            raw = match["word"] or match["cjk"]
            word = raw.casefold().replace("’", "'")
            known = word_of(word)
            if reach and _STOP.search(text, before, match.end()):
                reach = 0
            before = match.end()
            if known.denies:
                reach = _REACH
            elif reach and known.says:
                denied.add(known.stem)
                reach -= 1
            if raw[0].isupper() and words and known.says:
                names.add(known.stem)
            words.append(word)
            if word in NUMBERS and word not in ("one", "zero"):  # "one" is mostly a pronoun
                numbers.append(Number(float(NUMBERS[word]), "", word))
            if known.says:
                said.append(word)
        self.words: Final = tuple(words)
        """All words in lower case."""
        self.said: Final = tuple(said[:_LIMIT])
        """Those that say something, in order; the next two go along with them."""
        self.stems: Final = tuple(word_of(one).stem for one in self.said)
        self.weights: Final = np.array([word_of(one).weight for one in self.said], dtype=np.float32)
        self.known: Final = frozenset(self.stems)
        self.numbers: Final = tuple(numbers)
        self.names: Final = frozenset(names) if 2 * len(names) <= max(6, len(said)) else frozenset()
        """Stems of capitalised words that do not begin the text; none where half of all words are so, as in German."""
        self.denied: Final = frozenset(denied)
        """Stems of the words that follow a denial in its clause."""
        self.denials: Final = sum(word_of(one).denies for one in words)

    @cached_property
    def sums(self) -> Floats:
        """The vectors of what is said, as the model adds them."""
        if not self.said:
            return np.zeros((0, DIMENSIONS), np.float32)
        return np.stack([_vector(one.removesuffix("'s")) for one in self.said])

    @cached_property
    def vectors(self) -> Floats:
        """The same at length 1."""
        return unit(self.sums)

    @cached_property
    def whole(self) -> Floats:
        """The text's vector at length 1."""
        return shared_embedder().embed(self.text) if not self.said else unit(self.sums.sum(axis=0))

    @cached_property
    def letters(self) -> frozenset[str]:
        """Runs of four letters, which need no knowledge of the language."""
        plain = " ".join(self.words)
        return frozenset(plain[at : at + 4] for at in range(max(1, len(plain) - 3)))


@lru_cache(maxsize=1024)
def taken(text: str) -> Taken:
    """The text taken apart; kept for those that follow, since passages come again."""
    return Taken(text)


def _number(match: re.Match[str], text: str) -> Number:
    raw = match["number"].strip()
    sign = raw[0] if raw[0] in _SIGNS else ""
    value = number_value(raw.lstrip(f"{_SIGNS}+"))
    unit = (match["unit"] or "").strip().casefold()
    following = _AFTER.match(text, match.end())
    after = following[1].casefold() if following else ""
    scale = unit if unit in SCALES else after if not unit and len(after) > 1 else ""
    if scale in SCALES and (sign or scale not in ("m", "b")):  # 5 m are metres
        value, unit, after = value * SCALES[scale], "", ""
    return Number(value, _month(match, text, after) or sign or _percent(after) or unit or _stem_of(after), raw)


def _month(match: re.Match[str], text: str, after: str) -> str:
    before = _BEFORE.search(text, max(0, match.start() - 20), match.start())
    month = MONTHS.get(before[1].casefold()) if before else None
    month = month or MONTHS.get(after)
    return f"month{month}" if month else ""


def _percent(after: str) -> str:
    return "%" if after in _PERCENT else ""


def _stem_of(after: str) -> str:
    return stem(after) if after and after not in STOPWORDS else ""


def number_value(raw: str) -> float:
    """What the figure says: both 1,000.5 and 1.000,5."""
    bare = re.sub(r"[\s'’\u202f\u00a0]", "", raw)
    last = max(bare.rfind(","), bare.rfind("."))
    if last >= 0:
        grouped = len(bare) - last - 1 == 3 and not ("," in bare and "." in bare)
        grouped = grouped and (bare[last] == "," or bare.count(".") > 1)
        whole = re.sub(r"[,.]", "", bare[:last])
        bare = whole + bare[last + 1 :] if grouped else f"{whole}.{bare[last + 1 :]}"
    return float(bare)
