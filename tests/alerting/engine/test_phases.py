"""The life of an alert, minute by minute."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.engine.phases import Phase, Position, Timing, advance
from alerting.engine.verdicts import Verdict

_OF = {"b": Verdict.BREACH, "c": Verdict.CLEAR, "m": Verdict.BETWEEN, "?": Verdict.UNKNOWN}


_TIMING = Timing(2, 3, 5)


def walk(text: str, timing: Timing = _TIMING) -> list[Position]:
    found, position = [], Position()
    for number, letter in enumerate(text):
        position = advance(position, 60 * (number + 1), _OF[letter], timing)
        found.append(position)
    return found


def phases(text: str, timing: Timing = _TIMING) -> str:
    return "".join(position.phase.value[0] for position in walk(text, timing))


def test_it_fires_once_it_has_been_bad_for_long_enough():
    assert phases("cbbb") == "opff"
    assert walk("cbb")[-1].since_s == 120
    assert walk("cbb")[-1].fired_s == 180


def test_a_single_bad_minute_is_a_suspicion_that_a_good_one_ends():
    assert phases("cbcbc") == "opopo"


def test_one_minute_is_enough_where_it_says_so():
    assert phases("b", Timing(1, 3)) == "f"


def test_it_is_over_only_after_well_minutes_in_a_row():
    assert phases("bbccbccc") == "pffffffo"


def test_values_between_the_limits_neither_start_nor_end_it():
    assert phases("mmbbmmmcc") == "oopffffff"


def test_without_data_it_goes_on_for_a_while_and_lapses_then():
    assert phases("bb????") == "pfffff"
    assert phases("bb?????") == "pfffffo"
    assert phases("bb?????????", Timing(2, 3, None)) == "pffffffffff"


def test_a_suspicion_survives_a_gap_but_not_a_long_one():
    assert phases("b?b") == "ppf"
    assert phases("b" + "?" * 10)[-1] == "o"


@settings(max_examples=60)
@given(st.text("bcm?", max_size=60), st.integers(1, 4), st.integers(1, 4))
def test_it_never_flaps_faster_than_it_was_told(text: str, for_minutes: int, clear_minutes: int):
    seen = walk(text, Timing(for_minutes, clear_minutes, None))
    fired = [
        at for at in range(1, len(seen)) if seen[at].phase is Phase.FIRING and seen[at - 1].phase is not Phase.FIRING
    ]
    cleared = [at for at in range(1, len(seen)) if seen[at - 1].phase is Phase.FIRING and seen[at].phase is Phase.OK]
    for start in fired:
        assert text[start] == "b"
        assert all(end - start >= clear_minutes for end in cleared if end > start)
    for end in cleared:
        assert set(text[end - clear_minutes + 1 : end + 1]) <= {"c", "?"}


@settings(max_examples=40)
@given(st.text("bcm?", max_size=40), st.integers(0, 40))
def test_stopping_and_going_on_makes_no_difference(text: str, cut: int):
    whole = walk(text)
    position = Position()
    for number, letter in enumerate(text):
        position = advance(position, 60 * (number + 1), _OF[letter], Timing(2, 3, 5))
        if number == cut:
            position = Position(
                position.phase, position.since_s, position.fired_s, position.clear_since_s, position.seen_s
            )
    assert not text or position == whole[-1]
