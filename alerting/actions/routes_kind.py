"""The action that takes an experiment back: a route serves calls again as it did before it was changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError

from alerting.actions.changed import CHANGED_SINCE, GONE, Changed, is_of_alerts, last_entry
from alerting.actions.rows import ActionRun, AlertAction
from alerting.actions.targets_kind import ROUTE, none_left
from alerting.incident_rows import Alert
from routing.models import Model, Route, Target
from routing.route_design import Design, stored_design
from routing.route_history import Version, versions
from routing.route_put_back import models_of, put_back, serves_alike, serving_of

BLURRED: Final = timedelta(minutes=2)
"""When an alert began is known to a minute or two: what was changed so shortly after it may have made it."""


class RollBackRoute:
    """All changes within so many minutes before the alert began are taken back together, as one change."""

    def words(self, action: AlertAction) -> str:
        """What it does."""
        minutes = action.within_minutes
        return f"Put route {action.route} back to what it was {minutes} min before the alert"

    def refusal(self, action: AlertAction, alert: Alert) -> str:
        """Where nothing was changed shortly before, somebody is at it, or nothing healthy would be left."""
        route = _locked(action.tenant_id, action.route_id)
        if route is None or not route.enabled:
            return "The route is off."
        found = blamed(route, action, alert)
        if isinstance(found, str):
            return found
        try:
            models = models_of(route, found)
        except ValidationError as gone:
            return gone.messages[0]
        return none_left(_serving(route, found, models))

    def do(self, action: AlertAction, alert: Alert) -> Changed:
        """Through the service of the button on the route's page."""
        route = _locked(action.tenant_id, action.route_id)
        assert route is not None
        design = blamed(route, action, alert)
        assert not isinstance(design, str)
        key, before = str(route.pk), serving_of(stored_design(route))
        put_back(route=route, design=design)
        audit_id = last_entry(action.tenant_id, [(ROUTE, key)])
        after = serving_of(stored_design(route))
        return Changed({"route": key, "design": before}, {"route": key, "design": after}, audit_id)

    def undo(self, run: ActionRun) -> str:
        """The experiment goes on, unless somebody changed the route since."""
        route = _locked(run.tenant_id, run.before["route"])
        if route is None:
            return GONE
        touched = any(one.entry > run.audit_id and _matters(one) for one in versions(route))
        if touched or not serves_alike(stored_design(route), run.after["design"]):
            return CHANGED_SINCE
        try:
            put_back(route=route, design=run.before["design"])
        except ValidationError:
            return GONE
        return ""


def blamed(route: Route, action: AlertAction, alert: Alert) -> Design | str:
    """What the route was before the changes that may have made the alert; or why none is to blame."""
    changes = [one for one in versions(route) if _matters(one)]
    if changes and changes[0].at > alert.began_at + BLURRED:
        return "It was changed after the alert had begun: whoever did that is at it."
    since = alert.began_at - timedelta(minutes=action.within_minutes)
    recent = [one for one in changes if one.at >= since]
    if not recent:
        return f"It was not changed in the {action.within_minutes} min before the alert began: it is not what changed."
    if any(is_of_alerts(one.actor) for one in recent):
        return "An alert changed it shortly before: what that did is undone first."
    before = recent[-1].before
    if before is None:
        return "It was made only then: there is nothing to go back to."
    if serves_alike(before, recent[0].after):
        return "What was changed before the alert is back already."
    return before


def _matters(version: Version) -> bool:
    """Whether calls were served in another way afterwards."""
    return version.before is None or not serves_alike(version.before, version.after)


def _serving(route: Route, design: Design, models: Mapping[str, Model]) -> list[Target]:
    """The targets that would be on; those that come back anew have a circuit that never moved."""
    present = {target.model_id: target for target in route.targets.all()}
    rows = []
    for one in design["targets"]:
        if one["enabled"]:
            model = models[one["model"]]
            target = present.get(model.pk) or Target(route=route, model=model)
            target.model = model
            rows.append(target)
    return rows


def _locked(tenant_id: Any, key: Any) -> Route | None:
    return Route.objects.select_for_update().filter(tenant=tenant_id, pk=key).first()
