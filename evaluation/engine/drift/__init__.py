"""Drift: whether a window of traffic is like a reference window, in what, where and since when. No Django."""

from evaluation.engine.drift.categories import chi_square
from evaluation.engine.drift.changes import Change, changes
from evaluation.engine.drift.embeddings import classifier, energy, mmd, moved
from evaluation.engine.drift.numbers import ks, psi
from evaluation.engine.drift.results import Tested

__all__ = [
    "Change",
    "Tested",
    "changes",
    "chi_square",
    "classifier",
    "energy",
    "ks",
    "mmd",
    "moved",
    "psi",
]
