"""``guardrails.yaml``: policies, what is in force of them, and to which calls they apply.

Here, because neither the app of policies nor that of configuration files knows the other.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from guardrails.cases import CaseEntry, entries_in, replace_cases
from guardrails.documents import MODES, USUAL_ORDER, document_of, with_ids
from guardrails.models import Policy
from guardrails.services import live_version_of, publish, set_mode
from guardrails.validators import problems_of, rule_of, stored
from routing.configuration.keys import keys_named, name_of_key
from routing.configuration.located import Located, Section
from routing.configuration.run import Run
from tenants.models import ApiKey, Tenant

NOTE = "From guardrails.yaml"


class GuardrailsFile:
    """A policy named here has exactly these rules: where they are others than those in force, they are published."""

    name = "guardrails.yaml"

    def apply(self, top: Section, run: Run) -> None:
        """Create, change, publish and switch policies."""
        seen: set[tuple[str, str]] = set()
        for name, entry in top.named("policies"):
            tenant, known = run.tenant(entry)
            identity = (tenant.slug if tenant else "", name)
            if identity in seen:
                entry.problem(f"policy {name} is there twice")
                known = False
            seen.add(identity)
            _apply_policy(name, tenant, entry, run, savable=known)
        top.finish()

    def remove(self, top: Section, run: Run) -> None:
        """Delete what the file no longer has, where that is asked for; else note it."""
        named = []
        for name, entry in top.named("policies"):
            tenant, _known = run.tenant(entry)
            named.append(_policy(name, tenant).pk)
        for policy in Policy.objects.exclude(pk__in=named).select_related("tenant"):
            if run.prune:
                run.delete(policy, top, "policies")
            else:
                run.keep(policy)

    def export(self) -> dict[str, Any] | None:
        """All policies with the rules that are in force; of those never published: with their drafts."""
        rows = Policy.objects.select_related("tenant").order_by("tenant__slug", "order", "name")
        return {"policies": [_entry(policy) for policy in rows]} if rows else None


def _entry(policy: Policy) -> dict[str, Any]:
    live = live_version_of(policy)
    entry = document_of(policy, live.rules if live else None)
    if policy.keys:
        rules, cases = entry.pop("rules"), entry.pop("cases", [])
        keys = ApiKey.objects.filter(tenant=policy.tenant_id, pk__in=policy.keys).select_related("tenant")
        entry |= {"keys": sorted(map(name_of_key, keys)), "rules": rules}
        entry |= {"cases": cases} if cases else {}
    return entry


def _policy(name: str, tenant: Tenant | None) -> Policy:
    found: Policy | None = Policy.objects.filter(tenant=tenant, name=name).first()
    return found or Policy(tenant=tenant, name=name)


def _apply_policy(name: str, tenant: Tenant | None, entry: Section, run: Run, *, savable: bool) -> None:
    policy = _policy(name, tenant)
    policy.description = entry.text("description")
    policy.order = entry.whole("order", USUAL_ORDER)
    mode = entry.choice("mode", MODES, Policy.Mode.OFF)
    policy.routes = entry.texts("routes")
    policy.keys = _keys(entry, tenant)
    rules = _rules(entry, name)
    cases, valid = _cases(entry, name)
    entry.finish()
    if rules is None or not valid or not savable:
        return
    policy.rules = rules
    if mode == Policy.Mode.OFF and not policy._state.adding:
        policy.mode = mode
    if run.save(policy, entry):
        try:
            if cases is not None and replace_cases(policy=policy, entries=cases):
                run.changes.append(f"changed the cases of policy {policy.name}")
            _put_in_force(policy, mode, run)
        except ValidationError as refusal:
            entry.problem(f"policy {name}: {' '.join(refusal.messages)}", "cases")


def _put_in_force(policy: Policy, mode: str, run: Run) -> None:
    """Publish where the rules differ from those in force; a policy that is off keeps them as its draft."""
    if mode == Policy.Mode.OFF:
        return
    live = live_version_of(policy)
    if live is None or live.rules != policy.rules:
        version = publish(policy=policy, mode=mode, note=NOTE)
        run.changes.append(f"published policy {policy.name} v{version.number} ({mode})")
    elif policy.mode != mode:
        set_mode(policy=policy, mode=mode)
        run.changes.append(f"switched policy {policy.name} to {mode}")


def _keys(entry: Section, tenant: Tenant | None) -> list[Any]:
    found = []
    for name in entry.texts("keys"):
        keys = keys_named(tenant, name)
        if len(keys) != 1:
            entry.problem(f"there is no key {name!r}" if not keys else f"several keys are called {name!r}", "keys")
        else:
            found.append(keys[0].pk)
    return found


def _cases(entry: Section, policy: str) -> tuple[list[CaseEntry] | None, bool]:
    """The cases, None where the file leaves them as they are; and whether they are valid, else with a problem."""
    listed = entry.get("cases")
    if listed is None:
        return None, True
    if not listed.is_list():
        listed.problem("the cases are a list")
        return None, False
    try:
        return entries_in([place.plain() for place in listed.elements()], policy), True
    except ValidationError as refusal:
        listed.problem(" ".join(refusal.messages))
        return None, False


def _rules(entry: Section, policy: str) -> list[dict[str, Any]] | None:
    """The rules as they are stored; None, with problems at their lines, where one is not valid."""
    listed = entry.get("rules")
    if listed is None or not listed.is_list() or not listed.value:
        entry.problem("a policy needs a list of rules", "rules")
        return None
    places: list[Located] = listed.elements()
    plain = [place.plain() for place in places]
    mappings = [rule for rule in plain if isinstance(rule, dict)]
    if len(mappings) != len(plain):
        listed.problem("each rule is a mapping (name: value)")
        return None
    rules = with_ids(mappings)
    wrong = list(problems_of(rules))
    for one in wrong:
        field = f"{one.field}: " if one.field else ""
        places[one.place].problem(f"policy {policy}, rule {one.place + 1}: {field}{one.message}")
    return None if wrong else [stored(rule_of(rule)) for rule in rules]
