"""Drift: whether a window of traffic is like a reference window, in what, where and since when. No Django."""

from evaluation.engine.drift.categories import chi_square
from evaluation.engine.drift.changes import Change, changes
from evaluation.engine.drift.embeddings import classifier, energy, mmd, moved
from evaluation.engine.drift.findings import Finding, Question, findings
from evaluation.engine.drift.numbers import ks, psi
from evaluation.engine.drift.results import Tested
from evaluation.engine.drift.windows import same_hours

__all__ = [
    "Change",
    "Finding",
    "Question",
    "Tested",
    "changes",
    "chi_square",
    "classifier",
    "energy",
    "findings",
    "ks",
    "mmd",
    "moved",
    "psi",
    "same_hours",
]
