"""The action that opens a target's circuit: calls go elsewhere for some minutes, then some probe it."""

from __future__ import annotations

from redis.exceptions import RedisError

from alerting.actions.changed import CHANGED_SINCE, GONE, Changed
from alerting.actions.rows import ActionRun, AlertAction
from alerting.actions.targets_kind import locked_targets, none_left
from alerting.incident_rows import Alert
from routing.circuits import close_circuit, open_circuit


class OpenBreaker:
    """Nothing in the database changes: workers are told through Redis, and told again where that did not last."""

    def words(self, action: AlertAction) -> str:
        """What it does."""
        return f"Open the circuit of {action.target} for {action.open_minutes} min"

    def refusal(self, action: AlertAction, _alert: Alert) -> str:
        """Where nothing healthy would be left."""
        rows = locked_targets(action.tenant_id, action.route_id)
        if not any(row.pk == action.target_id and row.enabled for row in rows):
            return "The target gets no calls as it is."
        return none_left([row for row in rows if row.enabled and row.pk != action.target_id])

    def do(self, action: AlertAction, _alert: Alert) -> Changed:
        """Told to all workers.

        Raises:
            RedisError: they cannot be told; nothing was done.
        """
        assert action.target is not None
        label = str(action.target.model)
        stamp = open_circuit(str(action.target_id), label=label, minutes=action.open_minutes)
        return Changed({}, {"target": str(action.target_id), "label": label, "stamp": stamp})

    def undo(self, run: ActionRun) -> str:
        """Closed again, unless it moved since: its time may be over, or workers found out for themselves."""
        after = run.after
        try:
            closed = close_circuit(after["target"], label=after["label"], stamp=after["stamp"])
        except RedisError:
            return f"{GONE} Redis does not answer; the circuit is probed when its time is over."
        return "" if closed else CHANGED_SINCE
