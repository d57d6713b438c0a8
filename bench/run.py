"""``make bench``: what the gateway costs, as ratios to the direct call and to the last release.

``python -m bench.run [--quick] [--memory-calls N] [--save FILE]``. Every figure is the median of rounds in which
the direct call and the gateway take turns, so that a noisy machine hits both alike.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from operator import truediv
from pathlib import Path

import msgspec

from bench.gateway.seed_key import GUARDED_KEY
from bench.gateway.stack import Stack, pin, stack
from bench.guardrails.latency import PROSE
from guardrails.training.templates import made
from guardrails.training.wordings import HARMLESS, SLOTS

RELEASE = Path(__file__).parent / "last_release.json"
Figures = dict[str, float]


def throughput(stack: Stack, rounds: int, calls: int) -> Figures:
    """32 callers in a closed loop."""
    direct, through = _rounds(stack, rounds, "--calls", str(calls), "--in-flight", "32")
    return {
        "throughput_rps": _median(through, "per_second"),
        "throughput_direct_rps": _median(direct, "per_second"),
        "throughput_p99_ms": _median(through, "latency_p99") * 1e3,
        "failed": sum(run["failed"] for run in through),
    }


def offered(stack: Stack, rounds: int, calls: int) -> Figures:
    """300 requests a second, whatever becomes of those before."""
    direct, through = _rounds(stack, rounds, "--calls", str(calls), "--rate", "300")
    return {
        f"offered_300_{quantile}_added_ms": (
            _median(through, f"latency_{quantile}") - _median(direct, f"latency_{quantile}")
        )
        * 1e3
        for quantile in ("p50", "p99")
    } | {"offered_300_p99_direct_ms": _median(direct, "latency_p99") * 1e3}


def single(stack: Stack, rounds: int, calls: int) -> Figures:
    """One call at a time."""
    direct, through = _rounds(stack, rounds, "--calls", str(calls))
    added = [after["latency_p50"] - before["latency_p50"] for before, after in zip(direct, through, strict=True)]
    return {
        "single_p50_added_ms": statistics.median(added) * 1e3,
        "single_p50_best_round_ms": min(added) * 1e3,
        "single_p50_direct_ms": _median(direct, "latency_p50") * 1e3,
    }


def streaming(stack: Stack, rounds: int, calls: int) -> Figures:
    """To the first token of a stream, one at a time."""
    direct, through = _rounds(stack, rounds, "--calls", str(calls), "--stream")
    return {
        f"first_token_{quantile}_added_ms": (
            _median(through, f"first_token_{quantile}") - _median(direct, f"first_token_{quantile}")
        )
        * 1e3
        for quantile in ("p50", "p99")
    }


def guarded(stack: Stack, rounds: int, calls: int) -> Figures:
    """32 callers with prompts of 400 to 2,000 characters, with a full policy and without one.

    Texts that were looked at before are known to guardrails: the second ratio is of prompts that are all new.
    """
    figures: Figures = {}
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(prompts(), file)
        file.flush()
        for name, options in (("policy", ()), ("policy_new_texts", ("--new",))):
            load = ("--calls", str(calls), "--in-flight", "32", "--texts", file.name, *options)
            without, with_policy = [], []
            for _ in range(rounds):
                without.append(stack.gateway(*load)["per_second"])
                with_policy.append(stack.gateway(*load, key=GUARDED_KEY)["per_second"])
            figures[f"{name}_rps"] = statistics.median(with_policy)
            figures[f"{name}_ratio"] = statistics.median(map(truediv, with_policy, without))
    return figures


def prompts(number: int = 200) -> list[str]:
    """Ordinary questions and tasks, put together to realistic lengths."""
    chance = random.Random(1)
    ordinary = tuple(one for one in HARMLESS if one[1] == "plain")
    sentences = [PROSE, *made(ordinary, SLOTS, 10, chance)]
    made_up = []
    for _ in range(number):
        length, text = chance.randint(400, 2_000), ""
        while len(text) < length:
            text += chance.choice(sentences) + " "
        made_up.append(text[:length])
    return made_up


def memory(stack: Stack, calls: int) -> Figures:
    """The worker's resident memory after a warm-up and after ``calls`` more."""
    stack.gateway("--calls", str(max(2_000, calls // 10)), "--in-flight", "32")
    before = stack.worker_memory_mb()
    cpu_s = stack.worker_cpu_s()
    run = stack.gateway("--calls", str(calls), "--in-flight", "32")
    after = stack.worker_memory_mb()
    return {
        "memory_mb": after,
        "memory_growth_mb": after - before,
        "memory_calls": calls,
        "cpu_us_per_call": (stack.worker_cpu_s() - cpu_s) / calls * 1e6,
        "sustained_rps": run["per_second"],
        "memory_failed": run["failed"],
    }


def _rounds(stack: Stack, rounds: int, *options: str) -> tuple[list[Figures], list[Figures]]:
    direct: list[Figures] = []
    through: list[Figures] = []
    for _ in range(rounds):
        direct.append(stack.direct(*options))
        through.append(stack.gateway(*options))
    return direct, through


def warm(stack: Stack) -> Figures:
    """Calls that count nowhere: an interpreter that has just started is not the one that callers meet."""
    stack.gateway("--calls", "3000")
    stack.gateway("--calls", "3000", "--in-flight", "32")
    return {}


def machine(stack: Stack) -> Figures:
    """How long the gateway's processor takes for a fixed piece of Python right now, in ms: neighbours come and go."""
    code = "import time;t=time.perf_counter();s=0\nfor i in range(1_000_000): s+=i&7\nprint(time.perf_counter()-t)"
    runs = [
        float(
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, check=True, preexec_fn=pin(stack.cores.gateway)
            ).stdout
        )
        for _ in range(9)
    ]
    return {"machine_ms": statistics.median(runs) * 1e3}


def _median(runs: list[Figures], name: str) -> float:
    return statistics.median(run[name] for run in runs)


def measure(*, quick: bool, memory_calls: int) -> Figures:
    """All figures of one run."""
    rounds = 3 if quick else 5
    figures: Figures = {}
    with stack() as running:
        steps: list[tuple[str, Callable[[], Figures]]] = [
            ("warming up", lambda: warm(running)),
            ("the machine", lambda: machine(running)),
            ("one call at a time", lambda: single(running, rounds, 500 if quick else 2_000)),
            ("streaming", lambda: streaming(running, rounds, 500 if quick else 1_000)),
            ("300 requests/s offered", lambda: offered(running, rounds, 900 if quick else 3_000)),
            ("32 in flight", lambda: throughput(running, rounds, 4_000 if quick else 20_000)),
            ("32 in flight, with a policy", lambda: guarded(running, rounds, 4_000 if quick else 10_000)),
            (f"memory over {memory_calls} calls", lambda: memory(running, memory_calls)),
        ]
        for name, step in steps:
            print(f"… {name}", file=sys.stderr, flush=True)
            figures |= step()
    return figures


BARS: dict[str, tuple[str, float]] = {
    "throughput_rps": ("≥", 1_500),
    "offered_300_p99_added_ms": ("≤", 10),
    "single_p50_added_ms": ("≤", 0.6),
    "first_token_p50_added_ms": ("≤", 2),
    "memory_mb": ("≤", 200),
    "memory_growth_mb": ("≤", 10),
    "policy_ratio": ("≥", 0.8),
    "failed": ("≤", 0),
    "memory_failed": ("≤", 0),
}


def report(figures: Figures, release: Figures) -> str:
    """A table: each figure, its bar, and its ratio to the last release."""
    lines = [f"{'figure':32}{'now':>12}{'last release':>14}{'ratio':>8}  bar"]
    for name, value in figures.items():
        before = release.get(name)
        ratio = f"{value / before:.2f}" if before else "-"
        sign, bar = BARS.get(name, ("", 0.0))
        held = "" if not sign else f"{sign} {bar:g} {'held' if _holds(value, sign, bar) else 'MISSED'}"
        lines.append(f"{name:32}{value:>12.3f}{'-' if before is None else f'{before:.3f}':>14}{ratio:>8}  {held}")
    lines.append("")
    throughput_ratio = figures["throughput_rps"] / figures["throughput_direct_rps"]
    latency_ratio = 1 + figures["single_p50_added_ms"] / figures["single_p50_direct_ms"]
    lines.append(
        f"through the gateway / direct: {throughput_ratio:.3f} of the throughput with 32 in flight, "
        f"{latency_ratio:.1f} times the latency with one call at a time"
    )
    return "\n".join(lines)


def _holds(value: float, sign: str, bar: float) -> bool:
    return value >= bar if sign == "≥" else value <= bar


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer calls: minutes instead of a quarter of an hour")
    parser.add_argument("--memory-calls", type=int, default=0, help="calls of the memory run (200,000; quick: 20,000)")
    parser.add_argument("--save", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    memory_calls = options.memory_calls or (20_000 if options.quick else 200_000)
    figures = measure(quick=options.quick, memory_calls=memory_calls)
    release = msgspec.json.decode(RELEASE.read_bytes()) if RELEASE.exists() else {}
    print(report(figures, release))
    if options.save:
        options.save.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0 if all(_holds(figures[name], *bar) for name, bar in BARS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
