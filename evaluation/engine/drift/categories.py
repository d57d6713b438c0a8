"""Drift of a label: languages, refusals, guardrails' rules, models, intents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable

import numpy as np

from evaluation.engine.drift.results import LEAST, Floats, Tested, untested

_EXPECTED = 5.0


def chi_square(reference: Iterable[Hashable], current: Iterable[Hashable]) -> Tested:
    """Whether labels come in the same shares; the statistic is Cramér's V (0 to 1). Labels may be counted already.

    Labels of which fewer than five are expected in either window are taken together, as the test asks for.
    """
    before, after = Counter(reference), Counter(current)
    n, m = sum(before.values()), sum(after.values())
    if min(n, m) < LEAST:
        return untested("chi_square", n, m)
    counts = _grouped(before, after, min(n, m) / (n + m))
    freedom = counts.shape[1] - 1
    if freedom < 1:
        return Tested("chi_square", 0.0, 1.0, n, m)
    from scipy.special import chdtrc

    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / (n + m)
    value = float(((counts - expected) ** 2 / expected).sum())
    return Tested("chi_square", (value / (n + m)) ** 0.5, float(chdtrc(freedom, value)), n, m)


def _grouped(before: Counter[Hashable], after: Counter[Hashable], share: float) -> Floats:
    """Counts, a row a window and a column a label; rare labels in one column."""
    columns: list[tuple[int, int]] = []
    rare = [0, 0]
    for label in before.keys() | after.keys():
        pair = before[label], after[label]
        if sum(pair) * share >= _EXPECTED:
            columns.append(pair)
        else:
            rare = [rare[0] + pair[0], rare[1] + pair[1]]
    if sum(rare) * share >= _EXPECTED or not columns:
        columns.append((rare[0], rare[1]))
    elif any(rare):
        smallest = columns.index(min(columns, key=sum))
        columns[smallest] = columns[smallest][0] + rare[0], columns[smallest][1] + rare[1]
    return np.array(columns, dtype=float).T
