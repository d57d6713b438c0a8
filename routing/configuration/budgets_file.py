"""``budgets.yaml``: what each tenant, its teams, keys and end users may spend and how often they may call."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from routing.configuration.keys import keys_named, name_of_key
from routing.configuration.located import Section
from routing.configuration.prices_section import written_usd
from routing.configuration.run import Run
from tenants.budgets import default_thresholds
from tenants.models import ApiKey, Budget, RateLimit, Team, Tenant
from tenants.subjects import AboutSubject, SubjectLevel

_LEVELS = [level.value for level in SubjectLevel]
_WINDOWS = [window.value for window in Budget.Window]
_ACTIONS = [action.value for action in Budget.Action]
_METRICS = [metric.value for metric in RateLimit.Metric]

Subject = dict[str, Any]
"""``level``, ``team`` and ``key`` of a row."""
Places = dict[str, tuple[Section, str]]
Reader = Callable[[Section, Tenant, Subject], tuple[AboutSubject, Places] | None]


class BudgetsFile:
    """A tenant's budgets are exactly what the file lists, and so are its rate limits; a list that is absent is left."""

    name = "budgets.yaml"

    def apply(self, top: Section, run: Run) -> None:
        """Delete, change and create budgets and rate limits of the tenants that are named."""
        seen: set[str] = set()
        for slug, entry in top.named("tenants"):
            tenant = Tenant.objects.filter(slug=slug).first()
            if tenant is None:
                entry.problem(f"there is no tenant {slug!r}")
                continue
            if slug in seen:
                entry.problem(f"tenant {slug} is there twice")
            seen.add(slug)
            _apply_list(entry, "budgets", tenant, _read_budget, run)
            _apply_list(entry, "rate_limits", tenant, _read_limit, run)
            entry.finish()
        top.finish()

    def remove(self, top: Section, run: Run) -> None:
        """When pruning, delete what tenants have that are not named."""
        named = [slug for slug, _entry in top.named("tenants")]
        for model in (Budget, RateLimit):
            for row in model.objects.exclude(tenant__slug__in=named).select_related("tenant", "team", "key"):
                if run.prune:
                    run.delete(row, top, "tenants")
                else:
                    run.keep(row)

    def export(self) -> dict[str, Any]:
        """All budgets and rate limits by tenant."""
        tenants: dict[str, dict[str, Any]] = {}
        budgets = Budget.objects.select_related("tenant", "team", "key")
        for budget in sorted(budgets, key=_order(lambda row: (row.window, row.name))):
            tenants.setdefault(budget.tenant.slug, {}).setdefault("budgets", []).append(_budget_entry(budget))
        limits = RateLimit.objects.select_related("tenant", "team", "key")
        for limit in sorted(limits, key=_order(lambda row: (row.metric, row.window_s))):
            tenants.setdefault(limit.tenant.slug, {}).setdefault("rate_limits", []).append(_limit_entry(limit))
        return {"tenants": dict(sorted(tenants.items()))}


def _apply_list(entry: Section, name: str, tenant: Tenant, read: Reader, run: Run) -> None:
    found = entry.get(name)
    if found is None:
        return
    if not found.is_list():
        found.problem(f"{found.name} is a list")
        return
    rows: list[tuple[AboutSubject, Section, Places]] = []
    for element in found.elements():
        section = Section(element)
        subject = _read_subject(section, tenant)
        read_row = read(section, tenant, subject or {})
        section.finish()
        if subject is None or read_row is None:
            continue
        if any(_identity(read_row[0]) == _identity(row) for row, _section, _places in rows):
            element.problem(f"{element.name} is there twice: {read_row[0]}")
            continue
        rows.append((read_row[0], section, read_row[1]))
    kept = {row.pk for row, _section, _places in rows}
    model = Budget if name == "budgets" else RateLimit
    for row in model.objects.for_tenant(tenant).exclude(pk__in=kept):
        run.delete(row, entry, name)
    for row, section, places in rows:
        run.save(row, section, places)


def _read_subject(section: Section, tenant: Tenant) -> Subject | None:
    """Whose the row is; None, with a problem, when there is no such team or key."""
    team_name, key_name = section.text("team"), section.text("key")
    implied = "team" if team_name else "key" if key_name else "tenant"
    level = section.choice("level", _LEVELS, implied)
    team = Team.objects.for_tenant(tenant).filter(name=team_name).first() if team_name else None
    if team_name and team is None:
        section.problem(f"tenant {tenant.slug} has no team {team_name!r}", "team")
        return None
    key = _find_key(section, tenant, key_name) if key_name else None
    return None if key_name and key is None else {"level": level, "team": team, "key": key}


def _find_key(section: Section, tenant: Tenant, name: str) -> ApiKey | None:
    """The key of this id, or the only one of this name that is not revoked."""
    found = keys_named(tenant, name)
    if len(found) == 1:
        return found[0]
    if found:
        section.problem(f"tenant {tenant.slug} has {len(found)} keys called {name!r}; write the id of one", "key")
    else:
        section.problem(f"tenant {tenant.slug} has no key {name!r}", "key")
    return None


def _read_budget(section: Section, tenant: Tenant, subject: Subject) -> tuple[Budget, Places] | None:
    name = section.text("name")
    if not section.has("name"):
        section.problem(f"{section.located.name} has no name")
    window = section.choice("window", _WINDOWS, Budget.Window.MONTH.value)
    limit = section.dollars("limit_usd")
    if not section.has("limit_usd"):
        section.problem(f"{section.located.name} needs a limit_usd")
    identity = {"name": name, "window": window, **subject}
    row = Budget.objects.for_tenant(tenant).filter(**identity).first() or Budget(tenant=tenant, **identity)
    row.action = section.choice("action", _ACTIONS, Budget.Action.BLOCK.value)
    row.thresholds = _read_thresholds(section)
    row.enabled = section.flag("enabled", default=True)
    degrade = section.section("degrade")
    row.degrade_route = degrade.text("route")
    row.degrade_max_output_tokens = degrade.whole("max_output_tokens", minimum=1)
    degrade.finish()
    if not name or limit is None:
        return None
    row.limit_nanousd = limit
    return row, {
        "limit_nanousd": (section, "limit_usd"),
        "degrade_route": (degrade, "route"),
        "degrade_max_output_tokens": (degrade, "max_output_tokens"),
    }


def _read_thresholds(section: Section) -> list[int]:
    found = section.get("thresholds")
    if found is None:
        return default_thresholds()
    if not found.is_list():
        found.problem(f"{found.name} is a list of percentages, such as [50, 80, 100]")
        return default_thresholds()
    whole = []
    for element in found.elements():
        if isinstance(element.value, bool) or not isinstance(element.value, int):
            element.problem(f"{element.name} is a whole number of percent, not {element.value}")
        else:
            whole.append(int(element.value))
    return whole


def _read_limit(section: Section, tenant: Tenant, subject: Subject) -> tuple[RateLimit, Places] | None:
    metric = section.choice("metric", _METRICS, "")
    if not metric and not section.has("metric"):
        section.problem(f"{section.located.name} needs a metric: one of {', '.join(_METRICS)}")
    value = section.whole("value", minimum=1)
    if value is None and not section.has("value"):
        section.problem(f"{section.located.name} needs a value")
    window_s = section.whole("window_s", 0 if metric == RateLimit.Metric.CONCURRENCY else 60)
    identity = {"metric": metric, "window_s": window_s, **subject}
    row = RateLimit.objects.for_tenant(tenant).filter(**identity).first() or RateLimit(tenant=tenant, **identity)
    row.max_wait_ms = section.whole("max_wait_ms", 0)
    if not metric or value is None:
        return None
    row.value = value
    return row, {}


def _identity(row: AboutSubject) -> Hashable:
    own = (row.name, row.window) if isinstance(row, Budget) else (row.metric, row.window_s)  # type: ignore[attr-defined]
    return row.level, row.team_id, row.key_id, *own


def _order(own: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], tuple[Any, ...]]:
    """The tenant as a whole, its users, teams and keys, then what the rows themselves are ordered by."""
    ranks = {level: rank for rank, level in enumerate(("tenant", "user", "team", "key"))}
    return lambda row: (
        row.tenant.slug,
        ranks[row.level],
        row.team.name if row.team else "",
        row.key.name if row.key else "",
        own(row),
        row.pk,
    )


def _subject_entry(row: AboutSubject) -> dict[str, Any]:
    if row.team is not None:
        return {"team": row.team.name}
    if row.key is not None:
        return {"key": name_of_key(row.key)}
    return {"level": row.level} if row.level != SubjectLevel.TENANT else {}


def _budget_entry(row: Budget) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": row.name, **_subject_entry(row)}
    entry |= {"window": row.window, "limit_usd": written_usd(row.limit_nanousd), "action": row.action}
    entry["thresholds"] = list(row.thresholds)
    degrade: dict[str, Any] = {}
    if row.degrade_route:
        degrade["route"] = row.degrade_route
    if row.degrade_max_output_tokens is not None:
        degrade["max_output_tokens"] = row.degrade_max_output_tokens
    if degrade:
        entry["degrade"] = degrade
    if not row.enabled:
        entry["enabled"] = False
    return entry


def _limit_entry(row: RateLimit) -> dict[str, Any]:
    entry: dict[str, Any] = {**_subject_entry(row), "metric": row.metric, "value": row.value}
    if row.window_s:
        entry["window_s"] = row.window_s
    if row.max_wait_ms:
        entry["max_wait_ms"] = row.max_wait_ms
    return entry
