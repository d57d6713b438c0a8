"""Figures with how they changed."""

from __future__ import annotations

import pytest

from console.templatetags.console import stat


@pytest.mark.parametrize(
    ("value", "before", "change", "direction"),
    [
        (120, 100, "20%", "up"),
        (95, 100, "5%", "down"),
        (100, 100, "no change", ""),
        (5, 0, "", ""),
        (5, None, "", ""),
    ],
)
def test_a_figure_says_how_it_changed(value: int, before: int | None, change: str, direction: str) -> None:
    shown = stat("Requests", value, before=before)
    assert (shown["change"], shown["direction"]) == (change, direction)


def test_a_figure_that_grew_from_nearly_nothing_says_so_instead_of_a_factor() -> None:
    shown = stat("Requests", 801, before=1, better="up", hint="to the 7 days before")
    assert (shown["change"], shown["judged"], shown["hint"]) == ("", "", "hardly any before")
    assert stat("Fallbacks", 801, before=1, hint="3 further attempts")["hint"] == "3 further attempts"


def test_a_hint_keeps_numbers_and_units_on_one_line() -> None:
    assert stat("Latency", 12, hint="p50 3.30 s · p99 13.4 s")["hint"] == "p50 3.30\u00a0s · p99 13.4\u00a0s"
