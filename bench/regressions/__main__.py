"""``python -m bench.regressions``: 20 days with a planted regression each and 20 quiet ones, alerted by the minute.

The rules are those that Breakwater recommends, judged by the code of the check; two weeks come first, in which nothing
is counted. An alert within a regression, or ten minutes after it, is true.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings

from bench.regressions.traffic import DAY, KINDS, SIZES, Planted, planted_days, traffic

if TYPE_CHECKING:
    from bench.regressions.prompts import Questions

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
WARM_DAYS = 14
DAYS = WARM_DAYS + 20 + 20
AFTER = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="what is planted")
    parser.add_argument("--texts", type=Path, default=DATA / "banking77.jsonl", help="JSON lines of text and intent")
    parser.add_argument("--sensitivity", default="", help="instead of what is recommended: low, medium or high")
    given = parser.parse_args()
    _rows_without_a_database()
    found: list[tuple[Planted, float | None]] = []
    false: list[tuple[int, str, str]] = []
    questions = _questions(given.texts) if "embedding" in given.kinds else None
    for seed in given.seeds:
        chance = np.random.default_rng(seed)
        planted = planted_days(WARM_DAYS, chance, given.kinds)
        alerts = alerted(planted, chance, given.sensitivity, questions)
        found += [(each, delay(each, [at for at, *_ in alerts])) for each in planted]
        false += [alert for alert in alerts if not any(of(each, alert[0]) for each in planted)]
    report(found, false, len(given.seeds))


def _rows_without_a_database() -> None:
    """Rules are rows of Django, of which none is stored here."""
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    if not settings.configured or not django.apps.apps.ready:
        django.setup()


def _questions(texts: Path) -> Questions:
    from bench.regressions.prompts import Questions

    return Questions(texts)


def alerted(
    planted: list[Planted], chance: np.random.Generator, sensitivity: str, questions: Questions | None
) -> list[tuple[int, str, str]]:
    """Minutes at which somebody is told, the rule, and its severity; a minute is known when it has passed."""
    from bench.regressions.prompts import PromptSums
    from bench.regressions.rules import fired, rules_for

    replayed = traffic(DAYS, planted, chance)
    prompts = PromptSums(replayed.calls, planted, questions, chance) if questions else None
    rules = rules_for(replayed, prompts)
    for rule in rules:
        rule.sensitivity = sensitivity or rule.sensitivity
    told = [(at, rule.name, rule.severity) for rule in rules for at in fired(rule, replayed, prompts)]
    return sorted(alert for alert in told if alert[0] >= WARM_DAYS * DAY)


def report(found: list[tuple[Planted, float | None]], false: list[tuple[int, str, str]], runs: int) -> None:
    print(f"{'size':8} {'planted':>7} {'found':>6} {'recall':>7} {'in 5 min':>9} {'median delay':>13}")
    for size in SIZES:
        delays = [late for each, late in found if each.size == size]
        seen = [late for late in delays if late is not None]
        soon = sum(late <= 5 for late in seen)
        middle = f"{np.median(seen):.0f} min" if seen else "-"
        share = f"{len(seen) / len(delays):.0%}" if delays else "-"
        print(f"{size:8} {len(delays):7} {len(seen):6} {share:>7} {soon:9} {middle:>13}")
    hits = sum(late is not None for _, late in found)
    print(f"precision {hits / max(1, hits + len(false)):.0%} ({hits} regressions found, {len(false)} false alerts)")
    weeks = runs * 20 / 7
    quiet = [alert for alert in false if alert[0] >= (WARM_DAYS + 20) * DAY]
    pages = sum(severity == "critical" for *_, severity in quiet)
    print(f"false alerts a quiet week: {len(quiet) / weeks:.2f}, of which pages: {pages / weeks:.2f}")
    by_rule = Counter(f"{name} ({severity})" for _, name, severity in false)
    print(f"false by rule: {', '.join(f'{name} {count}' for name, count in by_rule.most_common()) or 'none'}")
    missed = [f"{each.kind} ({each.size})" for each, late in found if late is None]
    late = [f"{each.kind} ({each.size}, {late:.0f} min)" for each, late in found if late is not None and late > 5]
    print(f"missed: {', '.join(missed) or 'none'}\nlater than 5 minutes: {', '.join(late) or 'none'}")


def of(planted: Planted, at: int) -> bool:
    return planted.start <= at < planted.start + planted.minutes + AFTER


def delay(planted: Planted, alerts: list[int]) -> float | None:
    """Minutes from the start of a regression to the end of the minute that was alerted."""
    return next((at - planted.start + 1 for at in alerts if of(planted, at)), None)


if __name__ == "__main__":
    main()
