"""The functions that expressions can call."""

from __future__ import annotations

from typing import Final

from guardrails.engine.invariants import number_functions, text_functions, time_functions, value_functions
from guardrails.engine.invariants.operators import OPERATORS
from guardrails.engine.invariants.signatures import Function

LISTED: Final = (
    *text_functions.FUNCTIONS,
    *number_functions.FUNCTIONS,
    *time_functions.FUNCTIONS,
    *value_functions.FUNCTIONS,
)
"""Those with a name, in the order in which they are shown."""
FUNCTIONS: Final[dict[str, Function]] = OPERATORS | {function.name: function for function in LISTED}
"""By name, operators included."""
