from collections.abc import Callable
from textwrap import dedent

import pytest

from routing.configuration.located import Problems, Section, parse
from routing.configuration.observability_file import read_observability


def problems_of(read: Callable[[Section], None], text: str) -> list[str]:
    problems = Problems()
    top = parse(dedent(text), file="f.yaml", problems=problems)
    assert top is not None
    read(top)
    return [str(problem) for problem in problems]


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
