"""Gates: what they let through, and the command that pipelines call."""

from __future__ import annotations

import random

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from evaluation.gates import check_gate, create_gate, judged, variant_for
from evaluation.models import EvalRun, Gate
from tenants.models import Tenant
from tests.evaluation.golden_rows import finished_run, make_set
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


def noisy(seed: int, *, drop: float = 0.0, n: int = 200) -> tuple[list[float | None], list[float | None]]:
    chance = random.Random(seed)
    before = [min(1.0, max(0.0, chance.gauss(0.8, 0.1))) for _ in range(n)]
    return list(before), [min(1.0, max(0.0, one - drop + chance.gauss(0, 0.05))) for one in before]


@pytest.fixture
def gate(acme: Tenant) -> Gate:
    golden_set = make_set(acme, *(f"Question {at}" for at in range(40)))
    return create_gate(golden_set=golden_set, name="holds", evaluator="quality", max_drop=0.02)


@pytest.fixture
def run(gate: Gate) -> EvalRun:
    before, after = noisy(7, drop=0.2, n=40)
    return finished_run(gate.golden_set, {"old": before, "new": after, "same": before})


def test_noise_fails_no_gate_more_often_than_its_confidence_allows(gate: Gate):
    outcomes = [judged(gate, *noisy(seed)).outcome for seed in range(30)]

    assert outcomes.count("fail") <= 2


@pytest.mark.parametrize("drop", [0.05, 0.2])
def test_a_drop_that_is_larger_than_allowed_fails(gate: Gate, drop: float):
    found = judged(gate, *noisy(3, drop=drop))

    assert (found.outcome, found.exit_code()) == ("fail", 1)
    assert found.drop == pytest.approx(drop, abs=0.02)
    assert "quality fell by" in found.why


def test_too_few_items_prove_nothing(gate: Gate):
    found = judged(gate, [0.9, 0.4, 0.6], [0.4, 0.9, 0.6])

    assert (found.outcome, found.exit_code(), found.exit_code(strict=True)) == ("undecided", 0, 2)
    assert judged(gate, [], []).why.startswith("0 items")


def test_the_command_exits_as_the_gate_says(gate: Gate, run: EvalRun, capsys: pytest.CaptureFixture[str]):
    def exits(candidate: str) -> int:
        try:
            baseline = f"{run.pk}/old"
            call_command("eval", "gate", "holds", tenant="acme", candidate=f"{run.pk}/{candidate}", baseline=baseline)
        except SystemExit as ended:
            return int(str(ended.code))
        return 0

    assert exits("new") == 1
    assert "FAIL: quality fell by" in capsys.readouterr().out
    assert exits("same") == 0


@pytest.mark.parametrize("missing", ["tenant", "run", "variant"])
def test_the_command_says_what_there_is_not(gate: Gate, run: EvalRun, missing: str):
    given = {"tenant": "acme", "candidate": f"{run.pk}/new", "baseline": f"{run.pk}/old"}
    broken = {"tenant": {"tenant": "none"}, "run": {"candidate": str(gate.pk)}, "variant": {"candidate": str(run.pk)}}

    with pytest.raises(CommandError) as refused:
        call_command("eval", "gate", "holds", **{**given, **broken[missing]})

    assert refused.value.returncode == 3


def test_runs_of_another_tenant_are_unknown(gate: Gate, run: EvalRun):
    with pytest.raises(ValidationError, match="There is no run"):
        variant_for(make_tenant(slug="other"), f"{run.pk}/old")


def test_a_run_that_goes_on_is_not_compared(gate: Gate, run: EvalRun):
    EvalRun.objects.for_tenant(run.tenant_id).update(state="running")
    one = variant_for(gate.tenant, f"{run.pk}/old")

    with pytest.raises(ValidationError, match="not done yet"):
        check_gate(gate=gate, candidate=one, baseline=one)
