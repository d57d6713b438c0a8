"""What the model learns from: pairs whose relation is known because one was made from the other."""

from __future__ import annotations

import random

import numpy as np
import pytest

from rag.engine.support.trees import Linear, Trees
from rag.training import made_pairs
from rag.training.fingerprints import fingerprint, learnt_from
from rag.training.made_pairs import CONTRADICTED, NEUTRAL, SUPPORTED, Change, Pair, made, reworded
from rag.training.pairs import calibrated, fitted, labelled, tabulated

NEWS = [
    "Shares of Siemens rose 4.5 percent to 61.20 euros on Monday, while the index was unchanged.",
    "The minister said that Peter Hall and Mary Green were not invited to the meeting in Geneva.",
    "Sales in the first quarter were lower than expected because many customers had no budget.",
    "A storm is expected to reach the coast near Bilbao on Friday, forecasters said.",
]


@pytest.mark.parametrize(
    "change",
    [
        getattr(made_pairs, name)
        for name in ("denied", "other_figure", "other_name", "swapped", "opposite", "clause", "without_aside")
    ],
)
def test_a_change_changes_the_sentence_or_leaves_it_alone(change: Change):
    found = [change(text, NEWS, random.Random(seed)) for text in NEWS for seed in range(5)]

    assert any(found)
    assert all(one not in NEWS for one in found if one)


def test_all_relations_are_made_and_always_the_same():
    pairs = made(NEWS, random.Random(1), "news") + reworded([(NEWS[0], NEWS[0])] * 3, random.Random(1), "same")

    assert {one.label for one in pairs} == {SUPPORTED, NEUTRAL, CONTRADICTED}
    assert made(NEWS, random.Random(1), "news") == made(NEWS, random.Random(1), "news")


def test_rows_that_share_a_sentence_by_any_chain_are_one_group():
    rows = [
        {"premise": "A", "hypothesis": "B", "label": "ENTAILMENT"},
        {"premise": "C", "hypothesis": "B", "label": "NEUTRAL"},
        {"premise": "C", "hypothesis": "D", "label": "contradiction"},
        {"premise": "E", "hypothesis": "F", "label": "NEUTRAL"},
    ]

    groups = [one.group for one in labelled(rows)]

    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_trees_as_arrays_say_what_the_library_says(monkeypatch: pytest.MonkeyPatch):
    from rag.training import pairs as training

    kept = []
    plain = training._plain

    def keeping(model):
        kept.append(model)
        return plain(model)

    monkeypatch.setattr(training, "_plain", keeping)
    pairs = [one for seed in range(8) for one in made(NEWS, random.Random(seed), f"news{seed}-")]
    table = tabulated(pairs)
    model = fitted(table, np.ones(len(pairs), dtype=bool))

    assert model.probabilities(table.rows) == pytest.approx(kept[0].predict_proba(table.rows), abs=1e-4)


def test_calibration_makes_held_out_votes_likelier(tmp_path):
    labels = np.random.default_rng(1).integers(0, 3, 600)
    votes = np.random.default_rng(2).normal(size=(600, 3))
    votes[np.arange(600), labels] += 0.7
    votes *= 6  # far too sure
    plain = fitted(
        tabulated([Pair(text, text, label, text) for label, text in enumerate(NEWS[:3])] * 20), np.ones(60, bool)
    )

    model = calibrated(plain, votes, labels, np.ones(600))

    assert model.scale < 0.5
    sure = [np.log(one.calibrated(votes)[np.arange(600), labels]).mean() for one in (plain, model)]
    assert sure[1] > sure[0]
    model.save(tmp_path / "kept.npz")
    assert Trees.load(tmp_path / "kept.npz").calibrated(votes) == pytest.approx(model.calibrated(votes))


def test_a_linear_model_is_read_as_it_was_written(tmp_path):
    model = Linear(np.zeros(2), np.ones(2), np.array([1.0, -1.0]), 0.5)
    model.save(tmp_path / "kept.npz")

    assert Linear.load(tmp_path / "kept.npz").probability(np.array([2.0, 1.0])) == pytest.approx(1 / (1 + np.exp(-1.5)))


def test_the_shipped_weights_know_what_they_learnt_from():
    row = {"premise": "Two dogs are fighting", "hypothesis": "Two dogs are wrestling and hugging"}

    assert learnt_from([row, {**row, "premise": "Nobody wrote this"}]).tolist() == [True, False]
    assert fingerprint(row) == fingerprint({**row, "label": "NEUTRAL", "relatedness": 4})
