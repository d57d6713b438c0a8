"""The bench of groundedness on small files."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.groundedness import __main__ as bench
from bench.groundedness.measures import by_one_number, ece, three_way
from tests.rag.support.golden_answers import GOLDEN

LABELS = {"supported": "ENTAILMENT", "unsupported": "NEUTRAL", "contradicted": "CONTRADICTION"}


def test_calibration_error_is_the_mean_gap():
    said = np.array([0.9] * 10 + [0.1] * 10)

    assert ece(np.array([1] * 9 + [0] + [1] + [0] * 9), said) == pytest.approx(0)
    assert ece(np.array([1] * 5 + [0] * 5 + [0] * 10), said) == pytest.approx(0.25)


def test_a_baseline_is_judged_at_its_best():
    value = np.linspace(0, 1, 300)
    labels = np.repeat([0, 1, 2], 100)

    assert three_way(labels, by_one_number(1 - value, labels)).accuracy > 0.95


def test_another_file_is_judged_by_the_shipped_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch):
    rows = [
        {"premise": " ".join(one.passages), "hypothesis": one.sentence, "label": LABELS[one.verdict]} for one in GOLDEN
    ]
    file = tmp_path / "golden.jsonl"
    file.write_bytes(b"\n".join(msgspec.json.encode(row) for row in rows))
    monkeypatch.setattr(bench, "LEAST", 40)
    monkeypatch.setattr(sys, "argv", ["groundedness", str(file)])

    with pytest.raises(SystemExit) as ended:
        bench.main()

    told = capsys.readouterr().out
    assert "shipped weights, none learnt from" in told
    assert ended.value.code == 0, told


def test_what_is_no_better_than_a_baseline_is_told(capsys: pytest.CaptureFixture[str]):
    assert not bench.is_above([(0.9, 0.7), (0.8, 0.6), (0.5, 0.7)])
    assert "NOT above both" in capsys.readouterr().out
