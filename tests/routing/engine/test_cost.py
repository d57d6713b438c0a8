from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.chat import Usage
from contracts.specs import PriceSpec
from routing.engine.cost import cost_nanousd, dearest_nanousd, output_token_bound, upper_bound_nanousd
from tests.routing.engine.spec_factory import target

PRICE = PriceSpec(input=2_500_000_000, output=10_000_000_000, cached_input=1_250_000_000)
"""$2.50, $10.00 and $1.25 per million tokens."""

tokens = st.integers(0, 10**7)
prices = st.builds(
    PriceSpec,
    input=st.integers(0, 10**12),
    output=st.integers(0, 10**12),
    cached_input=st.none() | st.integers(0, 10**12),
    cache_write=st.none() | st.integers(0, 10**12),
    reasoning=st.none() | st.integers(0, 10**12),
    image_input=st.none() | st.integers(0, 10**12),
    image_output=st.none() | st.integers(0, 10**12),
    request=st.integers(0, 10**9),
)
usages = st.builds(
    Usage,
    input_tokens=tokens,
    output_tokens=tokens,
    cached_input_tokens=tokens,
    cache_write_tokens=tokens,
    reasoning_tokens=tokens,
    image_input_tokens=tokens,
    image_output_tokens=tokens,
)


def test_each_token_is_charged_once_at_its_kinds_price():
    usage = Usage(input_tokens=1000, output_tokens=500, cached_input_tokens=400)
    assert cost_nanousd(usage, PRICE) == 600 * 2500 + 400 * 1250 + 500 * 10_000


def test_images_are_charged_at_their_own_prices():
    price = PriceSpec(input=1_000_000, output=2_000_000, image_input=5_000_000, image_output=30_000_000)
    usage = Usage(input_tokens=10, output_tokens=20, image_input_tokens=4, image_output_tokens=15)
    assert cost_nanousd(usage, price) == 6 * 1 + 4 * 5 + 5 * 2 + 15 * 30


def test_kinds_without_a_price_cost_what_their_total_costs():
    assert cost_nanousd(Usage(output_tokens=10, reasoning_tokens=7), PRICE) == 100_000


def test_an_unknown_price_is_no_cost_at_all():
    assert cost_nanousd(Usage(1, 1), None) is None
    assert upper_bound_nanousd(None, input_tokens=1, output_tokens=1) is None


def test_half_a_nano_dollar_is_rounded_up_once():
    assert cost_nanousd(Usage(1, 1), PriceSpec(input=250_000, output=250_000)) == 1
    assert cost_nanousd(Usage(1, 0), PriceSpec(input=499_999, output=0)) == 0


def test_a_request_price_comes_on_top():
    assert cost_nanousd(Usage(), PriceSpec(input=1, output=1, request=77)) == 77


@settings(deadline=None)
@given(usages, prices)
def test_the_upper_bound_is_never_below_the_cost(usage: Usage, price: PriceSpec):
    cost = cost_nanousd(usage, price)
    bound = upper_bound_nanousd(price, input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
    assert cost is not None
    assert bound is not None
    assert 0 <= cost <= bound


@settings(deadline=None)
@given(usages, prices)
def test_more_tokens_never_cost_less(usage: Usage, price: PriceSpec):
    bare = Usage(usage.input_tokens, usage.output_tokens)
    more = Usage(usage.input_tokens + 1, usage.output_tokens + 1)
    assert (cost_nanousd(bare, price) or 0) <= (cost_nanousd(more, price) or 0)


def test_the_output_is_bounded_by_caller_model_or_default():
    model = target("a").model
    assert output_token_bound(100, model, choices=3) == 300
    assert output_token_bound(None, model) == 4096


def test_the_dearest_target_counts():
    cheap = target("a", price=PriceSpec(input=1_000_000, output=1_000_000))
    dear = target("b", price=PriceSpec(input=2_000_000, output=2_000_000))
    unknown = target("c")
    assert dearest_nanousd([cheap, dear, unknown], input_tokens=10, requested_output=5) == 30
    assert dearest_nanousd([unknown], input_tokens=10, requested_output=5) is None
