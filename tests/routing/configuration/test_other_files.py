from collections.abc import Callable
from textwrap import dedent

import pytest

from routing.configuration.budgets_file import read_budgets
from routing.configuration.guardrails_file import read_guardrails
from routing.configuration.located import Problems, Section, parse
from routing.configuration.observability_file import read_observability


def problems_of(read: Callable[[Section], None], text: str) -> list[str]:
    problems = Problems()
    top = parse(dedent(text), file="f.yaml", problems=problems)
    assert top is not None
    read(top)
    return [str(problem) for problem in problems]


def test_a_guardrail_rule_needs_a_detector_and_known_words():
    found = problems_of(
        read_guardrails,
        """\
        policies:
          - name: p
            rules:
              - {name: a, action: erase}
              - {name: b, detector: pii, applies_to: sideways}
              - {name: c, detector: pii, threshold: 2, wording: x}
        """,
    )
    assert [problem.split(": ")[0] for problem in found] == ["f.yaml:4", "f.yaml:4", "f.yaml:5", "f.yaml:6", "f.yaml:6"]


def test_a_guardrail_policy_needs_rules():
    assert problems_of(read_guardrails, "policies:\n  - name: p\n") == ["f.yaml:2: a policy needs rules"]


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("limit_usd: 5", "budget b needs a tenant"),
        ("tenant: demo", "budget b needs a limit_usd"),
        ("tenant: demo\n    limit_usd: -5", "limit_usd is an amount of US dollars"),
        ("tenant: demo\n    limit_usd: 5\n    level: team", "write whose as its subject"),
        ("tenant: demo\n    limit_usd: 5\n    soft_thresholds: [1.5]", "a share of the limit between 0 and 1"),
        ("tenant: demo\n    limit_usd: 5\n    at_limit: degrade", "say to which route or max_tokens"),
        ("tenant: demo\n    limit_usd: 5\n    window: year", "is one of hour, day, week, month, total"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(entry: str, complaint: str):
    [problem] = problems_of(read_budgets, f"budgets:\n  - name: b\n    {entry}\n")
    assert complaint in problem


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("slos:\n  - name: s\n", "slo s needs an objective"),
        ("slos:\n  - {name: s, objective: 0.9, metric: latency}\n", "below which threshold_ms"),
        ("alerts:\n  - name: a\n", "needs an slo or an event_type"),
        ("channels:\n  - name: c\n", "channel c needs a kind"),
        ("tracing: {sample_ratio: 3}\n", "a number from 0 to 1"),
        ("retention: {events: 3}\n", "unknown key (did you mean 'events_days'?)"),
    ],
)
def test_an_observability_file_that_makes_no_sense_is_refused(text: str, complaint: str):
    [problem] = problems_of(read_observability, text)
    assert complaint in problem
