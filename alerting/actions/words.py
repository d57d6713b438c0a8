"""What actions do, in words."""

from __future__ import annotations

from alerting.actions.kinds import KINDS
from alerting.actions.rows import AlertAction


def order(action: AlertAction) -> str:
    """As an order, such as “Drain chat → openai/gpt-5-mini”."""
    if action.kind in KINDS:
        return KINDS[action.kind].words(action)
    return f"Call the hook “{action.channel}”"
