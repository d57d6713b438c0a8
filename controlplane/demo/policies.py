"""The demo's guardrails: one policy for all tenants, which only tells, and three of tenants, one of them in shadow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from contracts.guardrails import Action, RuleSpec, Stage
from controlplane.demo.configuration import Made, MadeTenant
from controlplane.demo.conversations import talk
from controlplane.demo.past import Past
from guardrails import services
from guardrails.dry_runs import plan_dry_run
from guardrails.models import DryRun, Policy

SHARED: Final = "House rules"
"""Flags only: it changes no call of anybody's."""
DRY_RUN_CALLS: Final = 200
_PROMPTS: Final = frozenset({Stage.INPUT})
_ANSWERS: Final = frozenset({Stage.OUTPUT})
_BOTH: Final = _PROMPTS | _ANSWERS
_CONTACT: Final = ["EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE"]


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """A policy of a tenant: the rules that it began with, those that came later, and those of the draft alone."""

    tenant: str
    name: str
    description: str
    first: tuple[RuleSpec, ...]
    later: tuple[RuleSpec, ...] = ()
    draft: tuple[RuleSpec, ...] = ()
    enforced: bool = True
    marks: tuple[tuple[str, int, str], ...] = ()
    """Rule, number of the conversation, and why what it found there is harmless."""


def _rule(name: str, kind: str, action: Action, stages: frozenset[Stage] = _PROMPTS, **options: Any) -> RuleSpec:
    slug = name.lower().replace(" ", "-")
    return RuleSpec(id=slug, name=name, kind=kind, stages=stages, action=action, options=options)


_SHARED_RULES: Final = (
    _rule("Credentials", "secrets", Action.FLAG, _BOTH),
    _rule("Insults and threats", "toxicity", Action.FLAG, _BOTH),
)
PLANS: Final = (
    PolicyPlan(
        tenant="northwind-bank",
        name="Customer data",
        description="What identifies a customer stays with us.",
        first=(_rule("Contact and card data", "pii", Action.MASK, entities=_CONTACT),),
        later=(
            _rule("Takeover attempts", "injection", Action.BLOCK),
            _rule("Promises of return", "words", Action.FLAG, _ANSWERS, words=["guaranteed return", "risk-free"]),
        ),
        draft=(_rule("Whole answers only", "max_length", Action.FLAG, _ANSWERS, limit=4_000),),
    ),
    PolicyPlan(
        tenant="marigold-home",
        name="Support bot",
        description="Watched for two weeks before it acts.",
        first=(
            _rule("Takeover attempts", "injection", Action.BLOCK),
            _rule("Data of shoppers", "pii", Action.REDACT, entities=[*_CONTACT, "ADDRESS"]),
        ),
        later=(_rule("Rivals", "words", Action.FLAG, _BOTH, words=["Nordhus", "Oakley & Pine"]),),
        enforced=False,
        marks=(("data-of-shoppers", 0, "Our courier needs the address."), ("rivals", 5, "The shopper names them.")),
    ),
    PolicyPlan(
        tenant="atlas-platform",
        name="No keys in prompts",
        description="Credentials leave neither in code nor in logs.",
        first=(_rule("Keys and tokens", "secrets", Action.REDACT),),
        later=(_rule("Takeover attempts", "injection", Action.FLAG),),
    ),
)


class Policies:
    """Makes the policies at their times, by the people who would have made them."""

    def __init__(self, past: Past, *, begin: datetime, until: datetime) -> None:
        self._past, self._begin, self._until = past, begin, until
        self.made: list[Policy] = []

    def build(self, made: Made, operator: str) -> None:
        """Policies with two versions each, as they are in force while the story's calls are made."""
        with self._past.at(self._begin, operator):
            if not Policy.objects.of_platform().filter(name=SHARED).exists():
                shared = services.create_policy(
                    name=SHARED, rules=_SHARED_RULES, order=1, description="For everybody: told, and nothing more."
                )
                services.publish(policy=shared, mode=Policy.Mode.ENFORCE, note="Agreed with all teams.")
                self.made.append(shared)
        for plan, tenant in _planned(made.tenants):
            self.made.append(self._build(plan, tenant))

    def _build(self, plan: PolicyPlan, tenant: MadeTenant) -> Policy:
        developer, admin = (tenant.people[role][0].username for role in ("developer", "admin"))
        with self._past.at(self._begin + timedelta(hours=2), developer):
            policy = services.create_policy(
                name=plan.name, tenant=tenant.row, rules=plan.first, description=plan.description
            )
            services.publish(policy=policy, note="To watch what it would do.")
        with self._past.at(self._begin + timedelta(days=5), admin):
            services.replace_rules(policy=policy, rules=(*plan.first, *plan.later))
            policy.refresh_from_db()
            mode = Policy.Mode.ENFORCE if plan.enforced else Policy.Mode.SHADOW
            services.publish(policy=policy, mode=mode, note="After a week in shadow without surprises.")
        policy.refresh_from_db()
        return policy

    def work_on(self, made: Made) -> list[DryRun]:
        """What people did with the policies at the end: drafts, marks of harmless hits, and dry runs to be made."""
        planned = []
        for plan, tenant in _planned(made.tenants):
            policy = next(one for one in self.made if one.tenant_id == tenant.row.pk)
            developer = tenant.people["developer"][0].username
            with self._past.at(self._until - timedelta(hours=6), developer):
                if plan.draft:
                    services.replace_rules(policy=policy, rules=(*plan.first, *plan.later, *plan.draft))
                    policy.refresh_from_db()
                for rule, number, why in plan.marks:
                    services.mark_false_positive(
                        policy=policy, rule_id=rule, text=talk(tenant.plan.topic, number)[0], note=why
                    )
            if tenant.plan.payload_storage != "none":
                with self._past.at(self._until - timedelta(minutes=20), developer):
                    planned.append(plan_dry_run(policy=policy, calls=DRY_RUN_CALLS))
        return planned


def _planned(tenants: Sequence[MadeTenant]) -> list[tuple[PolicyPlan, MadeTenant]]:
    by_slug = {tenant.plan.slug: tenant for tenant in tenants}
    return [(plan, by_slug[plan.tenant]) for plan in PLANS if plan.tenant in by_slug]
