"""When circuits of targets moved, in words; for pages of providers and of routes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from routing.pages.provider_activity import breaker_changes

_REASONS = {
    "failure_rate": "too many calls failed",
    "slow_call_rate": "too many calls were slow",
    "probe_failed": "a probe failed",
    "probes_succeeded": "probes were answered",
    "open_elapsed": "its pause is over",
    "peer": "another worker said so",
}
_TOGETHER = timedelta(seconds=5)
_MOVES = {"open": "opened", "half_open": "lets probes through", "closed": "closed"}


def circuit_changes(targets: Sequence[str], *, since: datetime, most: int = 40) -> list[dict[str, Any]]:
    """The latest changes of these targets' circuits, newest first.

    Workers tell each for themselves, so what several say at once is one line. Circuits serve all tenants: whoever may
    see the targets may see their circuits.
    """
    shown: list[dict[str, Any]] = []
    for change in breaker_changes(targets, since=since, most=most):
        before = shown[-1] if shown else {}
        same = all(before.get(name) == change.get(name) for name in ("target_id", "new_state", "reason"))
        if same and before["at"] - change["at"] < _TOGETHER:
            before["times"] += 1
        else:
            told = {"words": _change_words(change), "figures": _change_figures(change), "times": 1}
            shown.append({**change, **told})
    return shown


def _change_words(change: dict[str, Any]) -> str:
    reason = change.get("reason", "")
    return f"{_MOVES.get(change['new_state'], change['new_state'])}: {_REASONS.get(reason, reason)}"


def _change_figures(change: dict[str, Any]) -> str:
    if change.get("reason") == "failure_rate" and change.get("failure_rate") is not None:
        return f"{change['failure_rate']:.0%} of {change.get('calls', 0)} calls"
    if change.get("reason") == "slow_call_rate" and change.get("slow_call_rate") is not None:
        return f"{change['slow_call_rate']:.0%} of {change.get('calls', 0)} calls"
    return ""
