"""``deploy/ci/eval_gate.py``, as pipelines call it: one file, an address and a key."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evaluation.gates import create_gate
from evaluation.models import EvalRun, Gate
from tenants.models import Tenant
from tenants.service_keys import create_service_key
from tests.evaluation.golden_rows import finished_run, make_evaluator, make_set

SCRIPT = Path(__file__).parents[2] / "deploy" / "ci" / "eval_gate.py"
OLD = [0.9, 0.8, 0.95, 0.85] * 10

Ended = tuple[int, str, str]
"""Exit code, what was printed, and what was complained of."""


@pytest.fixture
def gate(answering: Tenant) -> Gate:
    golden_set = make_set(answering, *(f"Question {at}" for at in range(40)))
    return create_gate(golden_set=golden_set, name="holds", evaluator="quality", max_drop=0.02)


@pytest.fixture
def script(answering: Tenant, live_server: Any, tmp_path: Path) -> Callable[..., Ended]:
    """Run it in an empty directory with nothing of the environment but these."""
    _, clear = create_service_key(name="pipeline", tenant=answering, scopes=("manage",))

    def run(*arguments: str, key: str = clear) -> Ended:
        done = subprocess.run(
            [sys.executable, "-I", str(SCRIPT), *arguments],
            env={"BREAKWATER_URL": live_server.url, "BREAKWATER_SERVICE_KEY": key},
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    return run


def held(run: EvalRun, candidate: str) -> tuple[str, ...]:
    return ("--candidate", f"{run.pk}/{candidate}", "--baseline", f"{run.pk}/old")


def test_it_exits_as_the_gate_says(gate: Gate, script: Callable[..., Ended]):
    noise = [(one + 0.2 * (at % 5 - 2)) for at, one in enumerate(OLD)]
    worse, better = [one - 0.2 for one in OLD], [one + at / 1000 for at, one in enumerate(OLD)]
    run = finished_run(gate.golden_set, {"old": OLD, "worse": worse, "noise": noise, "better": better})

    code, said, _ = script(str(gate.pk), *held(run, "worse"))
    assert (code, said.startswith("FAIL: quality fell by")) == (1, True)
    assert script(str(gate.pk), *held(run, "noise"))[0] == 0
    assert script(str(gate.pk), *held(run, "noise"), "--strict")[0] == 2
    found = msgspec.json.decode(script(str(gate.pk), *held(run, "better"), "--json")[1])
    assert (found["outcome"], found["exit_code"], found["items"]) == ("pass", 0, 40)


def test_it_starts_a_run_waits_for_it_and_holds_its_variants_to_the_gate(
    answering: Tenant, script: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    golden_set = make_set(answering, "One", "Two", "Three", "Four")
    make_evaluator(answering, "contains", "quality")
    gate = create_gate(golden_set=golden_set, name="starts", evaluator="quality", max_drop=0.02)
    variants = [{"name": "old", "model": "small"}, {"name": "new", "model": "small"}]
    body = {"name": "Deploy 7", "variants": variants, "evaluators": ["quality"]}
    (tmp_path / "run.json").write_text(json.dumps(body))

    code, said, complained = script(
        str(gate.pk), "--run", "run.json", "--candidate", "new", "--baseline", "old", "--every", "0.1"
    )

    assert (code, complained) == (0, "")
    assert "4 items" in said
    run = EvalRun.objects.for_tenant(answering).get(name="Deploy 7")
    assert (run.state, run.done) == ("done", 4)


def test_what_cannot_be_checked_is_told_with_an_exit_code_of_its_own(
    gate: Gate, script: Callable[..., Ended], tmp_path: Path
):
    run = finished_run(gate.golden_set, {"old": OLD})
    (tmp_path / "broken.json").write_text("{")
    sides = held(run, "old")
    cases = {
        "answers 404": script(str(run.pk), *sides),
        "answers 401": script(str(gate.pk), *sides, key="bw-sk-wrong"),
        "holds no service key": script(str(gate.pk), *sides, key=""),
        "is no address": script(str(gate.pk), *sides, "--url", "file:///etc"),
        "There is no run or variant": script(str(gate.pk), *held(run, "none")),
        "broken.json": script(str(gate.pk), *sides, "--run", "broken.json"),
    }

    assert {code for code, _, _ in cases.values()} == {3}
    assert {told: complained for told, (_, _, complained) in cases.items() if told not in complained} == {}


def test_a_run_that_takes_too_long_is_not_waited_for(
    answering: Tenant, gate: Gate, script: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("evaluation.runs._begin", lambda _run: None)
    body = {"name": "Slow", "variants": [{"name": "new", "model": "small"}, {"name": "old", "model": "large"}]}
    (tmp_path / "run.json").write_text(json.dumps(body))

    code, _, complained = script(
        str(gate.pk), "--run", "run.json", "--candidate", "new", "--baseline", "old", "--wait", "0.2", "--every", "0.1"
    )

    assert (code, "has done 0 of 40 items after 0.2 s" in complained) == (3, True)
