"""An evaluation run whose worker is killed in the middle: another goes on, nothing is asked, scored or paid twice."""

from __future__ import annotations

import time
from typing import Any

import httpx
import msgspec
import pytest

from tests.business import business
from tests.stack.conftest import Fresh
from tests.stack.installation import Up, wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

ITEMS = 400
EVALUATORS = {"Names the question": "contains", "Length": "regex", "Kind": "toxicity"}
GOES_ON_WITHIN_S = 120.0
"""45 s until the killed worker is given up, and the rest of the run."""

MAKE_KEY = """
from tenants.models import Tenant
from tenants.service_keys import create_service_key
print(create_service_key(name="quality", tenant=Tenant.objects.get(slug="demo"), scopes=("manage",))[1])
"""
COUNT = """
from collections import Counter
import json
from contracts.tenant_scope import across_tenants
from evaluation.models import EvalRun, ItemResult, Score
from events.models import UsageRecord
with across_tenants("a test counts"):
    run = EvalRun.objects.get(pk="{run}")
    results = ItemResult.objects.filter(variant__run=run)
    scores = Score.objects.filter(result__variant__run=run)
    records = list(UsageRecord.objects.filter(tags__eval_run="{run}").values_list("tags__eval_item", "cost_nanousd"))
    print(json.dumps({{
        "results": results.count(),
        "items": results.values("run_item").distinct().count(),
        "scores": scores.count(),
        "distinct": scores.values("result", "evaluator").distinct().count(),
        "spent": run.spent_nanousd,
        "answers_cost": sum(one.cost_nanousd or 0 for one in results),
        "paid": sum(cost or 0 for _, cost in records),
        "paid_twice": sum(times - 1 for times in Counter(item for item, _ in records).values()),
        "paid_items": len(records),
    }}))
"""


@pytest.fixture
def api(fresh: Fresh) -> httpx.Client:
    """The management API, as a service key of the demo's tenant."""
    key = fresh.up.run("manage.py", "shell", "-v", "0", "-c", MAKE_KEY).split()[-1]
    return httpx.Client(
        base_url=f"{fresh.up.root}/api/v1/evaluation/", headers={"Authorization": f"Bearer {key}"}, timeout=30
    )


def test_a_worker_killed_in_the_middle_of_a_run_costs_nothing_twice(fresh: Fresh, api: httpx.Client) -> None:
    run = _start(api)
    wait_until(lambda: _done(api, run) >= ITEMS // 10, "a tenth is done", 60 * business())
    killed = _kill_worker(fresh.up)
    at = _done(api, run)
    assert at < ITEMS, "The run was over before its worker was killed."
    began = time.monotonic()

    wait_until(lambda: _state(api, run) == "done", "the run is done", GOES_ON_WITHIN_S * business())

    took_s = time.monotonic() - began
    found: dict[str, int] = {}

    def all_paid() -> bool:
        found.update(_count(fresh.up, run))  # by a process of its own, which takes its time to start
        return found["paid_items"] >= ITEMS

    until = time.monotonic() + 30 * business()
    while not all_paid():
        assert time.monotonic() < until, f"killed {killed} processes at {at}, done {took_s:.0f} s later: {found}"
    print(f"killed {killed} processes at {at} of {ITEMS} items, done {took_s:.0f} s later: {found}")
    assert (found["results"], found["items"]) == (ITEMS, ITEMS)
    assert (found["scores"], found["distinct"]) == (ITEMS * len(EVALUATORS),) * 2
    assert (found["paid_items"], found["paid_twice"]) == (ITEMS, 0)
    assert found["paid"] == found["spent"] == found["answers_cost"] > 0


def _start(api: httpx.Client) -> str:
    golden_set = _made(api.post("golden-sets", json={"name": "Killed"}))
    items = [{"input": f"Question {at}", "expected": f"Question {at}"} for at in range(ITEMS)]
    _made(api.post(f"golden-sets/{golden_set['id']}/items", json={"items": items}))
    for name, kind in EVALUATORS.items():
        options = {"pattern": ".+"} if kind == "regex" else {}
        _made(api.post("evaluators", json={"name": name, "kind": kind, "options": options}))
    variants = [{"name": "small", "model": "sandbox-small"}]
    body = {"golden_set_id": golden_set["id"], "name": "Killed", "variants": variants, "concurrency": 4}
    return str(_made(api.post("runs", json={**body, "evaluators": list(EVALUATORS)}))["id"])


def _made(answer: httpx.Response) -> Any:
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def _done(api: httpx.Client, run: str) -> int:
    return int(_row(api, run)["done"])


def _state(api: httpx.Client, run: str) -> str:
    return str(_row(api, run)["state"])


def _row(api: httpx.Client, run: str) -> Any:
    time.sleep(0.25)  # a key's requests are limited by the minute
    return _made(api.get(f"runs/{run}"))


def _kill_worker(up: Up) -> int:
    """With all its processes at once, as a machine that goes away takes them."""
    (worker,) = [part for part in up.parts("celery") if "worker" in part.cmdline()]
    family = [*worker.children(recursive=True), worker]
    for process in family:
        process.kill()
    return len(family)


def _count(up: Up, run: str) -> Any:
    return msgspec.json.decode(up.run("manage.py", "shell", "-v", "0", "-c", COUNT.format(run=run)).splitlines()[-1])
