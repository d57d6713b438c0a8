"""One pass over a text for many expressions."""

from threading import Thread

from guardrails.engine.detectors.triggers import Triggers, around


def test_tells_where_each_expression_matches_in_characters():
    triggers = Triggers([r"\broad\b", r"stra.e \d"])
    assert triggers.scan("☃ Road, Röntgenstraße 7") == {0: [(2, 6)], 1: [(15, 23)]}


def test_expressions_of_which_one_match_is_enough_are_told_once():
    assert Triggers([r"\d"], once=[0]).scan("1 2 3") == {0: [(0, 0)]}


def test_nothing_to_look_for_is_nothing_found():
    assert Triggers([]).scan("text") == {}


def test_threads_scan_at_once():
    triggers = Triggers(["a"])
    counts: list[int] = []
    threads = [Thread(target=lambda: counts.append(len(triggers.scan("ab" * 20_000)[0]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [20_000] * 4


def test_spots_that_touch_are_one_window():
    assert around([(10, 12), (20, 22), (90, 95)], 5, 5, 97) == [(5, 27), (85, 97)]


def test_a_window_at_the_beginning_of_a_text_starts_there() -> None:
    assert around([(3, 5)], 20, 4, 100) == [(0, 9)]
