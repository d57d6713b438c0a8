"""Numbers as people read them."""

from __future__ import annotations

from typing import Any

import pytest

from console.formats import counted, duration, exact_money, money, number, percent, short, size

CENT = 10_000_000
"""Nano-dollars."""


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (number(12_345), "12,345"),
        (number(0.25), "0.25"),
        (number(-3), "\N{MINUS SIGN}3"),
        (number(float("nan")), "–"),
        (number(None), "–"),
        (counted(0, "run"), "0 runs"),
        (counted(1, "run"), "1 run"),
        (counted(1_200, "run"), "1,200 runs"),
        (short(999), "999"),
        (short(999_700), "1M"),
        (short(1_250_000), "1.2M"),
        (short(123_400), "123k"),
        (money(0), "$0.00"),
        (money(1), "<$0.000001"),
        (money(-1), "\N{MINUS SIGN}<$0.000001"),
        (money(420_000), "$0.000420"),
        (money(5 * CENT), "$0.0500"),
        (money(9_999_999), "$0.0100"),
        (money(999_999_999), "$1.00"),
        (money(123_456 * CENT), "$1,234.56"),
        (money(None), "–"),
        (percent(0.1234), "12.3%"),
        (percent(None), "–"),
    ],
)
def test_it_has_as_many_digits_as_matter(shown: str, expected: str):
    assert shown == expected


@pytest.mark.parametrize("said", [exact_money, size, duration])
def test_what_is_not_known_is_a_dash(said: Any):
    assert said(None) == "–"


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (1_023, "1,023 B"), (1_536, "1.5 KiB"), ((1 << 20) - 1, "1 MiB"), (1 << 30, "1 GiB")],
)
def test_sizes_are_in_powers_of_1024(count: int, expected: str):
    assert size(count) == expected


@pytest.mark.parametrize(
    ("ms", "expected"),
    [
        (0, "0 ms"),
        (0.7, "700 µs"),
        (0.9996, "1.0 ms"),
        (2.4, "2.4 ms"),
        (9.96, "10 ms"),
        (999.6, "1.00 s"),
        (1_070, "1.07 s"),
        (9_996, "10.0 s"),
        (59_960, "1 min"),
        (50 * 60_000 + 24_000, "50 min 24 s"),
        (90_000_000, "1 d 1 h"),
    ],
)
def test_durations_have_the_unit_that_fits(ms: float, expected: str):
    assert duration(ms) == expected
