from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.money import shown_usd, to_nano_usd, to_usd


@given(st.integers(min_value=0, max_value=10**18))
def test_an_amount_comes_back_as_it_was(nano: int):
    assert to_nano_usd(to_usd(nano)) == nano
    assert to_nano_usd(Decimal(shown_usd(nano).removeprefix("$"))) == nano


@pytest.mark.parametrize("amount", ["-1", "0.0000000001", "NaN", "Infinity"])
def test_amounts_that_are_no_whole_nano_dollars_are_refused(amount: str):
    with pytest.raises(ValueError, match="amount"):
        to_nano_usd(Decimal(amount))


@pytest.mark.parametrize(
    ("nano", "shown"),
    [(0, "$0"), (1, "$0.000000001"), (150_000_000, "$0.15"), (100_000_000_000, "$100"), (None, "–")],
)
def test_people_see_dollars_without_needless_digits(nano: int | None, shown: str):
    assert shown_usd(nano) == shown
