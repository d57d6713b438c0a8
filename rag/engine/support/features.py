"""What speaks for a sentence being borne out by a stretch of a passage, and what against it: numbers for the model.

All but a few (opposites, kinds, denials, spelled numbers) know nothing of the language.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from rag.engine.support.lexicon import KIND_OF, OPPOSITE, SAME, SIBLINGS
from rag.engine.support.texts import Floats, Number, Taken

NAMES: Final = (
    "cover", "cover_back", "soft_cover", "soft_cover_back", "least", "least_back", "second_least", "whole",
    "missing", "extra", "missing_weight", "extra_weight", "words", "words_there", "ratio", "letters", "letters_back",
    "order", "order_all", "swapped", "denied", "denied_there", "denial_differs", "opposites", "siblings", "narrower",
    "broader", "numbers", "numbers_missing", "numbers_other", "names", "names_missing", "names_swapped", "best_missing",
    "worst_missing", "missing_similarity", "pairs", "pairs_near", "hedged",
    "denied_names", "denied_here", "denied_only_there", "length", "length_there",
)  # fmt: skip
_HEDGES: Final = frozenset(
    ["may", "might", "could", "possibly", "perhaps", "maybe", "probably", "likely", "reportedly", "allegedly", "if"]
)


class Alignment(NamedTuple):
    """Which words of the sentence have a counterpart there, and how good it is."""

    near: Floats
    """Similarity of each word of the sentence (row) to each there (column); 1 where they are the same."""
    missing: list[int]
    """Places of the words of the sentence that are not there, in any form."""
    extra: list[int]
    """Places of the words there that the sentence does not have."""


def features(there: Taken, said: Taken) -> Floats:
    """One row, in the order of :data:`NAMES`: ``said`` is the sentence, ``there`` the stretch of the passage."""
    found = aligned(there, said)
    row = [
        *_covers(there, said, found),
        *_shapes(there, said, found),
        *_order(there, said),
        *_denials(there, said),
        *_relations(there, said, found),
        *_figures(there, said),
        *_names(there, said),
        *_leftovers(there, said, found),
        *_pairs(there, said),
    ]
    return np.array(row, dtype=np.float32)


def aligned(there: Taken, said: Taken) -> Alignment:
    """The words of both side by side."""
    near = said.vectors @ there.vectors.T
    missing, extra = [], []
    for row, one in enumerate(said.stems):
        if one in there.known:
            continue
        same = [column for column, other in enumerate(there.stems) if (one, other) in SAME or (other, one) in KIND_OF]
        if same:
            near[row, same] = np.maximum(near[row, same], 0.95)
        else:
            missing.append(row)
    for column, other in enumerate(there.stems):
        if other not in said.known and not any((other, one) in SAME for one in said.stems):
            extra.append(column)
    places: dict[str, list[int]] = {}
    for column, other in enumerate(there.stems):
        places.setdefault(other, []).append(column)
    for row, one in enumerate(said.stems):
        if one in places:
            near[row, places[one]] = 1.0
    return Alignment(near, missing, extra)


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 1.0


def _covers(there: Taken, said: Taken, found: Alignment) -> list[float]:
    """How much of each is in the other: word for word, and nearly."""
    heavy, heavy_there = float(said.weights.sum()), float(there.weights.sum())
    missing, extra = float(said.weights[found.missing].sum()), float(there.weights[found.extra].sum())
    whole = float(said.whole @ there.whole)
    if not said.stems or not there.stems:
        none = 0.0 if said.stems or there.stems else 1.0
        return [none, none, none, none, none, none, none, whole]
    rows, columns = found.near.max(axis=1), found.near.max(axis=0)
    low = np.sort(rows)
    return [
        1 - _share(missing, heavy),
        1 - _share(extra, heavy_there),
        float(rows @ said.weights) / heavy,
        float(columns @ there.weights) / heavy_there,
        float(low[0]),
        float(columns.min()),
        float(low[1]) if len(low) > 1 else 1.0,
        whole,
    ]


def _shapes(there: Taken, said: Taken, found: Alignment) -> list[float]:
    common = len(there.letters & said.letters)
    return [
        min(len(found.missing), 8),
        min(len(found.extra), 12),
        float(said.weights[found.missing].sum()) / 15,
        min(float(there.weights[found.extra].sum()) / 15, 12),
        min(len(said.stems), 25),
        min(len(there.stems), 40),
        min(len(said.stems) / max(1, len(there.stems)), 3.0),
        common / max(1, len(said.letters)),
        common / max(1, len(there.letters)),
    ]


def _order(there: Taken, said: Taken) -> list[float]:
    """How far words that both have stand in the same order: who did what to whom."""
    place = {one: at for at, one in reversed(list(enumerate(there.stems)))}
    run = [place[one] for one in dict.fromkeys(said.stems) if one in place]
    pairs = len(run) * (len(run) - 1) / 2
    turned = sum(run[i] > run[j] for i in range(len(run)) for j in range(i + 1, len(run)))
    return [
        1 - turned / pairs if pairs else 1.0,
        _longest_run(said.words[:60], there.words[:90]) / max(1, min(len(said.words), 60)),
        float(turned > 0 and len(run) == len(said.known) == len(there.known)),
    ]


def _longest_run(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    """The longest common subsequence of words, in the bits of an integer (Hyyrö 2004)."""
    masks: dict[str, int] = {}
    for at, word in enumerate(a):
        masks[word] = masks.get(word, 0) | 1 << at
    full = (1 << len(a)) - 1
    row = full
    for word in b:
        both = row & masks.get(word, 0)
        row = ((row + both) | (row - both)) & full
    return len(a) - row.bit_count()


def _denials(there: Taken, said: Taken) -> list[float]:
    return [
        min(said.denials, 2),
        min(there.denials, 2),
        float((said.denials > 0) != (there.denials > 0)) * (1 if said.denials else -1),
    ]


def _relations(there: Taken, said: Taken, found: Alignment) -> list[float]:
    """Pairs of words that differ: opposites, kinds of the same, narrower and broader ones."""
    missing = {said.stems[at] for at in found.missing}
    extra = {there.stems[at] for at in found.extra}
    opposites = siblings = narrower = 0
    for one in missing:
        for other in extra:
            opposites += (one, other) in OPPOSITE
            siblings += (one, other) in SIBLINGS
            narrower += (one, other) in KIND_OF
    broader = sum((other, one) in KIND_OF for one in said.known - there.known for other in there.known)
    return [min(opposites, 2), min(siblings, 2), min(narrower, 2), min(broader, 3)]


def missing_numbers(there: tuple[Number, ...], said: tuple[Number, ...]) -> list[Number]:
    """Figures of the sentence that are not there."""
    values = {round(one.value, 6) for one in there}
    return [one for one in said if round(one.value, 6) not in values and not math.isnan(one.value)]


def _figures(there: Taken, said: Taken) -> list[float]:
    missing = missing_numbers(there.numbers, said.numbers)
    other = {one.unit for one in missing_numbers(said.numbers, there.numbers)}
    return [
        min(len(said.numbers), 4),
        min(len(missing), 3),
        float(any(one.unit in other for one in missing)),
    ]


def _names(there: Taken, said: Taken) -> list[float]:
    missing = {one for one in said.names if one not in there.known}
    others = {one for one in there.names if one not in said.known}
    return [min(len(said.names), 5), min(len(missing), 3), float(bool(missing and others))]


def _leftovers(there: Taken, said: Taken, found: Alignment) -> list[float]:
    """How near what is missing is to what is left over there: near and different is another thing of the same kind."""
    if not found.missing or not there.stems:
        return [1.0, 1.0, 1.0]
    rows = found.near[found.missing].max(axis=1)
    left = found.near[np.ix_(found.missing, found.extra)].max(initial=-0.5) if found.extra else -0.5
    return [float(rows.max()), float(rows.min()), float(left)]


def _pairs(there: Taken, said: Taken) -> list[float]:
    ours, theirs = list(pairwise(said.stems)), set(pairwise(there.stems))
    same = sum(one in theirs for one in ours)
    near = sum(one in there.known and other in there.known for one, other in ours)
    return [
        same / max(1, len(ours)),
        near / max(1, len(ours)),
        float(bool(_HEDGES & set(there.words)) - bool(_HEDGES & set(said.words))),
        float(said.denials != there.denials and bool(said.known) and said.known <= there.known),
        min(len((said.denied & there.known) - there.denied), 3),
        min(len((there.denied & said.known) - said.denied), 3),
        min(len(said.words), 40),
        min(len(there.words), 80),
    ]
