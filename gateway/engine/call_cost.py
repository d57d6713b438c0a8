"""What a call may cost, for the budgets that have to pay for it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from contracts.chat import ChatRequest, EmbeddingRequest
from contracts.events import SkippedTarget
from contracts.money import NANO_USD_PER_USD
from gateway.engine.budgets import MAX_AMOUNT, AppliedBudget, unpriced
from routing.engine.call import Draft
from routing.engine.cost import dearest_nanousd


def priced(draft: Draft, budgets: Sequence[AppliedBudget]) -> tuple[Draft, list[str]]:
    """The draft as the budgets allow it, and the targets left in it whose price nobody knows.

    A hard budget pays for known prices only: targets without one are left out.

    Raises:
        BudgetExceeded: a hard budget applies, and no target's price is known.
    """
    unknown = [target.label for target in draft.targets if target.model.price is None]
    if not unknown:
        return draft, unknown
    hard = next((budget for budget in budgets if budget.kind == "b"), None)
    if hard is None:
        return draft, unknown
    known = tuple(target for target in draft.targets if target.model.price is not None)
    if not known:
        raise unpriced(hard, unknown)
    decision = msgspec.structs.replace(
        draft.decision,
        targets=[target.label for target in known],
        skipped=[*draft.decision.skipped, *(SkippedTarget(label, "price_unknown") for label in unknown)],
    )
    return Draft(draft.route, known, decision), []


def reservation_nanousd(draft: Draft, request: ChatRequest | EmbeddingRequest, input_tokens: int) -> int:
    """The most that the call can cost at any of its targets; those without a price do not count."""
    if not isinstance(request, ChatRequest):
        dearest = dearest_nanousd(draft.targets, input_tokens=input_tokens, requested_output=0)
        return min(dearest or 0, MAX_AMOUNT)
    caps = [request.max_output_tokens, request.budget.max_tokens if request.budget is not None else None]
    dearest = dearest_nanousd(
        draft.targets,
        input_tokens=input_tokens,
        requested_output=min((cap for cap in caps if cap is not None), default=None),
        choices=request.n or 1,
    )
    bounds = [dearest or 0, MAX_AMOUNT]
    if request.budget is not None and request.budget.max_cost_usd is not None:
        # Its output is going to be capped so that it costs no more than this.
        bounds.append(round(request.budget.max_cost_usd * NANO_USD_PER_USD))
    return min(bounds)
