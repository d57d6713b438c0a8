"""Figures of predictions: areas under curves, F1, calibration."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, precision_recall_curve, roc_auc_score
from sklearn.model_selection import KFold

BINS = 15
SEED = 7


class ThreeWay(NamedTuple):
    """Of predictions of three classes."""

    accuracy: float
    macro_f1: float
    supported_auroc: float
    supported_f1: float
    contradicted_auroc: float
    ece: float
    """Of the probability that the sentence is supported."""
    ece_top: float
    """Of the likeliest class's probability."""


class TwoWay(NamedTuple):
    """Of predictions of one class."""

    auroc: float
    f1: float
    """At the threshold where it is highest."""
    average_rate: float
    ece: float


def three_way(labels: np.ndarray, predicted: np.ndarray) -> ThreeWay:
    top = predicted.argmax(axis=1)
    return ThreeWay(
        float(accuracy_score(labels, top)),
        float(f1_score(labels, top, average="macro")),
        float(roc_auc_score(labels == 0, predicted[:, 0])),
        float(f1_score(labels == 0, top == 0)),
        float(roc_auc_score(labels == 2, predicted[:, 2])),
        ece(labels == 0, predicted[:, 0]),
        ece(labels == top, predicted.max(axis=1)),
    )


def two_way(labels: np.ndarray, predicted: np.ndarray) -> TwoWay:
    precision, recall, _ = precision_recall_curve(labels, predicted)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return TwoWay(
        float(roc_auc_score(labels, predicted)), float(f1.max()), float(predicted.mean()), ece(labels, predicted)
    )


def ece(truth: np.ndarray, probability: np.ndarray) -> float:
    """Expected calibration error: the mean gap of probability and share, over bins of equal width."""
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    gaps = [
        abs(float(truth[place == one].mean()) - float(probability[place == one].mean())) * float((place == one).sum())
        for one in np.unique(place)
    ]
    return sum(gaps) / len(truth)


def by_one_number(value: np.ndarray, labels: np.ndarray, parts: int = 5) -> np.ndarray:
    """Probabilities of each class from one figure alone, fitted to this very file by parts left out."""
    rows = np.column_stack([value, value**2])
    rows = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-9)
    found = np.zeros((len(labels), len(np.unique(labels))))
    for fit, out in KFold(parts, shuffle=True, random_state=SEED).split(rows):
        found[out] = LogisticRegression(C=10).fit(rows[fit], labels[fit]).predict_proba(rows[out])
    return found
