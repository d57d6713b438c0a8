from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controlplane.supervisor.backoff import Backoff


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(first_s=0.5, longest_s=3, steady_s=60)
    assert [backoff.after_run(0.1) for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_steady_run_begins_anew() -> None:
    backoff = Backoff(first_s=0.5, longest_s=30, steady_s=60)
    for _ in range(4):
        backoff.after_run(1)
    assert backoff.after_run(61) == 0.5


@given(st.lists(st.floats(min_value=0, max_value=1000), max_size=200))
def test_a_wait_is_never_shorter_than_the_first_nor_longer_than_the_longest(runs: list[float]) -> None:
    backoff = Backoff()
    assert all(0.5 <= backoff.after_run(ran_s) <= 30 for ran_s in runs)
