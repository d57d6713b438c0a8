"""The caller's own ``budget``: a cap on output tokens and on cost, enforced before the call by capping its output."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.chat import ChatRequest
from contracts.errors import BudgetExceeded
from contracts.specs import Capability, TargetSpec
from routing.engine.cost import dearest_kinds

NANOUSD = 1_000_000_000
PER_MILLION = 1_000_000


def apply_budget(request: ChatRequest, targets: Sequence[TargetSpec], input_tokens: int) -> int | None:
    """Lower the request's output cap to what the budget pays for at the dearest of ``targets``.

    Returns the cap, which a stream is held to even if the provider is not; None where the budget sets none.

    Raises:
        BudgetExceeded: not even one output token is paid for, or a price is unknown and a cost cap was set.
    """
    budget = request.budget
    if budget is None:
        return None
    caps = [request.max_output_tokens, budget.max_tokens]
    if budget.max_cost_usd is not None:
        nanousd = round(budget.max_cost_usd * NANOUSD)
        caps.append(min(affordable_tokens(target, nanousd, input_tokens, request.n or 1) for target in targets))
    cap = min((cap for cap in caps if cap is not None), default=None)
    if cap is None:
        return None
    if cap < 1:
        raise BudgetExceeded(
            "The request's own 'budget' does not pay for its prompt and one output token.",
            param="budget",
            details={"level": "request", "max_cost_usd": budget.max_cost_usd, "input_tokens": input_tokens},
        )
    cap_output(request, cap)
    return cap


def affordable_tokens(target: TargetSpec, nanousd: int, input_tokens: int, choices: int) -> int:
    """Output tokens per choice that ``nanousd`` pays for after the prompt; huge when output is free.

    Raises:
        BudgetExceeded: the target's price is unknown.
    """
    price = target.model.price
    if price is None:
        raise BudgetExceeded(
            f"The price of {target.label} is unknown, so 'budget.max_cost_usd' cannot be kept.", param="budget"
        )
    dearest_input, dearest = dearest_kinds(price, audio=Capability.AUDIO in target.model.capabilities)
    left = nanousd * PER_MILLION - input_tokens * dearest_input - price.request * PER_MILLION
    if dearest == 0:
        return PER_MILLION if left >= 0 else 0
    return int(left // (dearest * choices))


def cap_output(request: ChatRequest, cap: int) -> None:
    """Ask for no more than ``cap`` output tokens per choice, in the field that the caller used."""
    field = "max_tokens" if request.max_tokens is not None else "max_completion_tokens"
    setattr(request, field, cap)
    request.body[field] = cap
