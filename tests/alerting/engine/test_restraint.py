"""How often an action may be taken."""

from __future__ import annotations

import pytest

from alerting.engine.restraint import Limits, held_back

HOUR, DAY = 3_600, 86_400
NOW = 10 * DAY


@pytest.mark.parametrize(
    ("taken", "undone", "said"),
    [
        ([], [], ""),
        ([NOW - 600], [], "rests for 30 minutes"),
        ([NOW - 1_801], [], ""),
        ([NOW - 3_000], [NOW - 60], "rests for 30 minutes"),
        ([NOW - 1_900, NOW - 3_599], [], "2 times within the hour"),
        ([NOW - 1_900, NOW - 3_600], [], ""),
        ([NOW - 2 * HOUR, NOW - 3 * HOUR, NOW - 4 * HOUR], [], "3 times within a day"),
        ([NOW - 2 * HOUR, NOW - 3 * HOUR, NOW - DAY], [], ""),
    ],
)
def test_an_action_is_held_back_by_hour_by_day_and_until_it_has_rested(
    taken: list[float], undone: list[float], said: str
):
    found = held_back(Limits(per_hour=2, per_day=3, cooldown_s=1_800), NOW, taken, undone)

    assert said in found
    assert bool(found) == bool(said)


def test_once_is_said_as_people_say_it():
    assert "once within the hour" in held_back(Limits(1, 3, 0), NOW, [NOW - 60])
