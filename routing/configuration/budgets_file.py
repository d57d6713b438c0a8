"""The structure of ``budgets.yaml``: what may be spent, by whom, in which window."""

from __future__ import annotations

from routing.configuration.located import Section
from routing.money import to_nano_usd

_LEVELS = ("tenant", "team", "key", "user")
_WINDOWS = ("hour", "day", "week", "month", "total")
_AT_LIMIT = ("block", "degrade", "alert_only")


def read_budgets(top: Section) -> None:
    """Check everything."""
    for name, budget in top.named("budgets"):
        if not budget.text("tenant"):
            budget.problem(f"budget {name} needs a tenant", "tenant")
        level = budget.choice("level", _LEVELS, "tenant")
        subject = budget.text("subject")
        if level in ("team", "key") and not subject:
            budget.problem(f"budget {name} is a {level}'s: write whose as its subject", "subject")
        budget.choice("window", _WINDOWS, "month")
        budget.flag("enabled", default=True)
        _read_limit(name, budget)
        _read_thresholds(budget)
        _read_degradation(name, budget)
        budget.finish()
    top.finish()


def _read_limit(name: str, budget: Section) -> None:
    limit = budget.decimal("limit_usd")
    if limit is None:
        if not budget.has("limit_usd"):
            budget.problem(f"budget {name} needs a limit_usd")
        return
    try:
        to_nano_usd(limit)
    except ValueError:
        budget.problem("limit_usd is an amount of US dollars, 0 or more, with at most nine decimals", "limit_usd")


def _read_thresholds(budget: Section) -> None:
    found = budget.get("soft_thresholds")
    if found is None:
        return
    if not found.is_list():
        found.problem("soft_thresholds is a list of shares, such as [0.5, 0.8]")
        return
    for element in found.elements():
        value = element.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
            element.problem(f"{element.name} is a share of the limit between 0 and 1, not {value}")


def _read_degradation(name: str, budget: Section) -> None:
    at_limit = budget.choice("at_limit", _AT_LIMIT, "block")
    degrade = budget.section("degrade")
    degrade.text("route")
    degrade.whole("max_tokens", minimum=1)
    if at_limit == "degrade" and not (degrade.has("route") or degrade.has("max_tokens")):
        budget.problem(f"budget {name} degrades at its limit: say to which route or max_tokens", "at_limit")
    degrade.finish()
