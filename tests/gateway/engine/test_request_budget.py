from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.chat import Usage
from contracts.errors import BudgetExceeded
from contracts.specs import ModelSpec, PriceSpec, ProviderSpec, TargetSpec
from gateway.engine.request_budget import apply_budget
from gateway.formats.chat_request import chat_request
from routing.engine.cost import cost_nanousd


def target(price: PriceSpec | None) -> TargetSpec:
    return TargetSpec(
        id="t",
        provider=ProviderSpec(id="p", name="p", kind="sandbox", base_url="sandbox://"),
        model=ModelSpec(id="m", name="m", wire_name="m", price=price),
    )


def request(**fields: Any) -> Any:
    return chat_request({"messages": [{"role": "user", "content": "x"}], **fields})


def test_a_token_budget_lowers_the_callers_cap() -> None:
    wanted = request(max_tokens=500, budget={"max_tokens": 40})
    apply_budget(wanted, [target(None)], 10)
    assert wanted.max_tokens == wanted.body["max_tokens"] == 40


def test_a_lower_cap_of_the_caller_stays() -> None:
    wanted = request(max_tokens=5, budget={"max_tokens": 40})
    apply_budget(wanted, [target(None)], 10)
    assert wanted.max_tokens == 5


def test_without_a_budget_nothing_changes() -> None:
    wanted = request()
    apply_budget(wanted, [target(None)], 10)
    assert wanted.max_output_tokens is None


def test_a_cost_budget_with_an_unknown_price_is_refused() -> None:
    with pytest.raises(BudgetExceeded, match="unknown"):
        apply_budget(request(budget={"max_cost_usd": 1}), [target(None)], 10)


def test_a_budget_pays_for_the_dearest_kind_that_a_token_could_be() -> None:
    painter = PriceSpec(input=1_000_000, output=2_000_000, image_output=20_000_000)
    wanted = request(budget={"max_cost_usd": 110e-9})
    apply_budget(wanted, [target(painter)], 10)
    assert wanted.max_output_tokens == 5


def test_a_budget_that_does_not_pay_for_the_prompt_is_refused() -> None:
    with pytest.raises(BudgetExceeded) as refused:
        apply_budget(
            request(budget={"max_cost_usd": 0.000001}), [target(PriceSpec(input=10**9, output=10**9))], 1_000_000
        )
    assert refused.value.status == 402


@given(
    st.integers(0, 10**11), st.integers(1, 10**11), st.integers(0, 100_000), st.floats(0, 100, allow_nan=False),
    st.integers(1, 4),
)  # fmt: skip
def test_a_call_capped_by_its_budget_never_costs_more(
    input_price: int, output_price: int, input_tokens: int, usd: float, choices: int
) -> None:
    price = PriceSpec(input=input_price, output=output_price)
    wanted = request(budget={"max_cost_usd": usd}, n=choices)
    try:
        apply_budget(wanted, [target(price)], input_tokens)
    except BudgetExceeded:
        return
    worst = Usage(input_tokens=input_tokens, output_tokens=wanted.max_output_tokens * choices)
    cost = cost_nanousd(worst, price)
    assert cost is not None
    assert cost <= round(usd * 10**9) + 1
