"""A large evaluation run in an installation of its own: its rate, its workers' memory, and that nothing is there twice.

``python -m bench.eval_runs [--items N] [--concurrency N]``. A golden set of N items (10,000), one variant that the
sandbox provider answers, three evaluators. Exits with 1 when answers, scores or charges are missing or doubled, or the
workers hold more at the end than they did after a fifth, by a tenth of it and 16 MB.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import psutil

from deploy.demo_installation import ROOT, DemoInstallation, installation

NAME = "bench-eval-runs"
EVALUATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "Expected": ("contains", {}),
    "Not empty": ("regex", {"pattern": "."}),
    "Overlap": ("rouge", {}),
}
AT_ONCE = 1_000
"""Items in a request."""
LOOK_EVERY_S = 2.0
SLACK_MB = 16.0

MAKE_KEY = """
from tenants.models import Tenant
from tenants.service_keys import create_service_key
print(create_service_key(name="bench", tenant=Tenant.objects.get(slug="demo"), scopes=("manage",))[1])
"""
COUNT = """
import json
from django.db.models import Sum
from contracts.tenant_scope import across_tenants
from evaluation.models import EvalRun, ItemResult, Score
from events.models import UsageRecord
with across_tenants("a benchmark counts"):
    results = ItemResult.objects.filter(variant__run="{run}")
    scores = Score.objects.filter(result__variant__run="{run}")
    paid = UsageRecord.objects.filter(tags__eval_run="{run}")
    print(json.dumps({{
        "results": results.count(),
        "items": results.values("run_item").distinct().count(),
        "scores": scores.count(),
        "distinct_scores": scores.values("result", "evaluator").distinct().count(),
        "charges": paid.count(),
        "paid_nanousd": int(paid.aggregate(all=Sum("cost_nanousd"))["all"] or 0),
        "spent_nanousd": EvalRun.objects.get(pk="{run}").spent_nanousd,
    }}))
"""


@dataclass(frozen=True)
class Look:
    """At one moment of the run."""

    at_s: float
    done: int
    worker_mb: float
    """Unique memory of all of the worker's processes."""


def run_shell(running: DemoInstallation, code: str) -> str:
    """The last line that the code prints there."""
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", code]
    done = subprocess.run(
        command, cwd=ROOT, env=dict(running.environment), capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout.splitlines()[-1]


def start(api: httpx.Client, items: int, concurrency: int) -> str:
    """The run's id."""
    golden_set = made(api.post("golden-sets", json={"name": f"Large {time.time_ns()}"}))["id"]
    for first in range(0, items, AT_ONCE):
        some = [
            {"input": f"Question {at}: what is it about?", "expected": f"It is about question {at}."}
            for at in range(first, min(first + AT_ONCE, items))
        ]
        made(api.post(f"golden-sets/{golden_set}/items", json={"items": some}))
    for name, (kind, options) in EVALUATORS.items():
        answer = api.post("evaluators", json={"name": name, "kind": kind, "options": options})
        if answer.status_code not in (201, 409, 422):
            made(answer)
    body = {"golden_set_id": golden_set, "name": "Large", "concurrency": concurrency, "evaluators": list(EVALUATORS)}
    return str(made(api.post("runs", json={**body, "variants": [{"name": "small", "model": "sandbox-small"}]}))["id"])


def made(answer: httpx.Response) -> Any:
    """What it says, or the end."""
    if answer.status_code not in (200, 201):
        sys.exit(f"{answer.request.method} {answer.request.url} answers {answer.status_code}: {answer.text[:500]}")
    return answer.json()


def worker_mb(pid: int) -> float:
    """Of Celery's workers below this supervisor."""
    total = 0
    for part in psutil.Process(pid).children():
        try:
            if re.search(r"celery.*\bworker\b", " ".join(part.cmdline())):
                total += sum(one.memory_full_info().uss for one in [part, *part.children(recursive=True)])
        except psutil.NoSuchProcess:
            continue
    return total / 2**20


def watch(running: DemoInstallation, api: httpx.Client, run: str) -> list[Look]:
    """Until it has ended, told every half minute."""
    began, looks, told = time.monotonic(), list[Look](), 0.0
    while True:
        row = made(api.get(f"runs/{run}"))
        looks.append(Look(time.monotonic() - began, row["done"], worker_mb(running.pid)))
        if row["state"] in ("done", "failed", "stopped"):
            print(f"{row['state']} {row['error']}".strip())
            return looks
        if looks[-1].at_s >= told:
            told += 30.0
            print(f"{looks[-1].at_s:6.0f} s {row['done']:7,} items {looks[-1].worker_mb:7.0f} MB", flush=True)
        time.sleep(LOOK_EVERY_S)


def main() -> int:
    """The exit code."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--items", type=int, default=10_000)
    line.add_argument("--concurrency", type=int, default=16)
    options = line.parse_args()
    shutil.rmtree(ROOT / "var" / NAME, ignore_errors=True)
    with installation(NAME) as running:
        headers = {"Authorization": f"Bearer {run_shell(running, MAKE_KEY)}"}
        with httpx.Client(base_url=f"{running.url}/api/v1/evaluation/", headers=headers, timeout=120) as api:
            run = start(api, options.items, options.concurrency)
            looks = watch(running, api, run)
        deadline = time.monotonic() + 60.0
        found = msgspec.json.decode(run_shell(running, COUNT.format(run=run)))
        while found["charges"] < options.items and time.monotonic() < deadline:
            found = msgspec.json.decode(run_shell(running, COUNT.format(run=run)))
    return told(options.items, looks, found)


def told(items: int, looks: list[Look], found: dict[str, int]) -> int:
    """Print what there is to say; the exit code."""
    early = next(look for look in looks if look.done >= items / 5 or look is looks[-1])
    last, most = looks[-1], max(look.worker_mb for look in looks)
    print(f"{items:,} items x {len(EVALUATORS)} evaluators in {last.at_s:.0f} s: {items / last.at_s:.1f} items/s")
    print(f"workers: {early.worker_mb:.0f} MB after a fifth, {last.worker_mb:.0f} MB at the end, {most:.0f} MB at most")
    print(found)
    wrong = []
    if (found["results"], found["items"], found["charges"]) != (items,) * 3:
        wrong.append("answers or charges are missing or doubled")
    if (found["scores"], found["distinct_scores"]) != (items * len(EVALUATORS),) * 2:
        wrong.append("scores are missing or doubled")
    if found["paid_nanousd"] != found["spent_nanousd"]:
        wrong.append("the ledger and the run disagree about money")
    if last.worker_mb > early.worker_mb * 1.1 + SLACK_MB:
        wrong.append("memory grows")
    print("MISSED: " + "; ".join(wrong) if wrong else "ok")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
