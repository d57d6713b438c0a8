"""A tenant with a row of every kind, each holding a marker that nobody else may ever see."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from unittest.mock import patch

from django.apps import apps
from django.utils import timezone

from alerting import services as alerting_services
from alerting.actions.services import save_action
from alerting.causes.deployments import record_deployment
from alerting.causes.explaining import explain
from alerting.causes.writing import choose_writer
from alerting.channel_services import create_channel
from alerting.incidents import add_note, open_alert
from alerting.models import ActionRun, AlertAction, AnomalyMemory, EscalationPolicy, RuleState
from contracts.ids import new_correlation_id
from events.collector.database import conninfo
from events.collector.store import EventStore
from gateway.models import SavedView
from guardrails import services as guardrails_services
from guardrails.cases import add_case
from guardrails.models import DryRun
from insights.models import KeptCalls, KeptSavings
from insights.services import create_impact_rule, decide
from routing import services as routing_services
from routing.models import AnswerJudgement, Model, ModelPrice, RouteConfidence, Target
from tenants import services
from tenants.changes import save_row
from tenants.erased_users import ErasedEndUser, Erasure
from tenants.invitation_rows import Invitation
from tenants.keys import Scope
from tenants.models import Budget, BudgetNotice, Tenant, User
from tenants.notifying import add_address
from tenants.secret_services import create_secret
from tenants.service_keys import create_service_key
from tests.evaluation.planted_rows import plant_evaluation
from tests.events.builders import attempt_failed, batch, completed, context, line, rejected, started
from tests.guardrails.policy_rows import make_policy, words_rule
from tests.isolation.guard import owned_tables
from tests.rag.planted_rows import plant_documents
from tests.reports.planted_rows import plant_reports
from tests.tenants.factories import make_user

ALL_SCOPES = tuple(scope.value for scope in Scope)


@dataclass(frozen=True)
class Planted:
    """A tenant and what it is reached with."""

    tenant: Tenant
    marker: str
    member: User
    api_key: str
    service_key: str
    correlation_id: str


def plant(name: str) -> Planted:
    """A tenant called ``name`` that owns a row of every kind; every text in them holds ``marker-<name>``."""
    marker = f"marker-{name}"
    tenant = services.create_tenant(slug=marker, name=f"{marker} tenant", payload_storage="stored")
    member = make_user(username=f"{marker}-member", email=f"{marker}@example.org")
    services.set_membership(user=member, tenant=tenant, role="owner")
    team = services.create_team(tenant=tenant, name=f"{marker} team")
    key, api_key = services.create_key(tenant=tenant, name=f"{marker} key", team=team, scopes=ALL_SCOPES)
    services.set_rate_limit(tenant=tenant, level="key", key=key, metric="requests", value=1_000_000)
    save_row(Budget(tenant=tenant, name=f"{marker} budget", level="tenant", window="month", limit_nanousd=10**12))
    _, service_key = create_service_key(name=f"{marker} service", tenant=tenant, scopes=("manage",))
    create_secret(name=f"{marker}-secret", value=f"{marker} value", tenant=tenant)
    _plant_routing(tenant, marker)
    _plant_guardrails(tenant, marker)
    _plant_alerting(tenant, marker)
    plant_evaluation(tenant, marker, member)
    _plant_insights(tenant, marker)
    plant_reports(tenant, marker, member)
    plant_documents(tenant, marker)
    soon = timezone.now() + timedelta(days=1)
    save_row(
        Invitation(
            tenant=tenant, email=f"{marker}-guest@example.org", role="viewer", invited_by=marker, expires_at=soon
        )
    )
    ErasedEndUser.objects.create(tenant=tenant, pseudonym=f"erased-{marker}")
    Erasure.objects.create(tenant=tenant, pseudonym=f"erased-{marker}", requested_by=marker, ended_at=timezone.now())
    address = add_address(tenant=tenant, email=f"{marker}-told@example.org")
    BudgetNotice.objects.create(address=address)
    SavedView.objects.create(tenant=tenant, user=member, name=f"{marker} view", query=f"route={marker}")
    correlation_id = new_correlation_id()
    asyncio.run(_plant_events(tenant, str(key.pk), str(team.pk), marker, correlation_id))
    return Planted(tenant, marker, member, api_key, service_key, correlation_id)


def _plant_routing(tenant: Tenant, marker: str) -> None:
    provider = routing_services.create_provider(
        tenant=tenant, name=f"{marker}-provider", kind="sandbox", base_url="http://sandbox.invalid"
    )
    model = save_row(
        Model(provider=provider, name=f"{marker}-model", wire_name=f"{marker}-wire", capabilities=["chat", "streaming"])
    )
    save_row(ModelPrice(model=model, tenant=tenant, input=1, output=1))
    choice = routing_services.TargetChoice(model=model, priority=0)
    route = routing_services.create_route(tenant=tenant, name=f"{marker}-route", targets=[choice])
    save_row(RouteConfidence(tenant=tenant, route=route, confidence=0.9))
    said = {"right": True, "confidence": 0.9, "similarity": 0.9, "actor": marker, "comment": f"{marker} comment"}
    AnswerJudgement.objects.create(tenant=tenant, route=route, correlation_id=new_correlation_id(), **said)


def _plant_guardrails(tenant: Tenant, marker: str) -> None:
    policy = make_policy(tenant, f"{marker}-policy", words_rule(f"{marker}-rule", marker))
    guardrails_services.publish(policy=policy, note=f"{marker} note")
    guardrails_services.mark_false_positive(policy=policy, rule_id=f"{marker}-rule", text=f"{marker} harmless")
    add_case(policy=policy, expect="found", text=f"{marker} case", note=f"{marker} note")
    DryRun.objects.create(policy=policy, tenant=tenant, rules=policy.rules, requested_by=marker, wanted=1)


def _plant_alerting(tenant: Tenant, marker: str) -> None:
    slo = alerting_services.create_slo(tenant=tenant, name=f"{marker} objective", description=f"{marker} promise")
    rule = alerting_services.create_rule(
        tenant=tenant, name=f"{marker} rule", description=f"{marker} advice", kind="burn_rate", slo=slo, enabled=False
    )
    RuleState.objects.create(tenant=tenant, rule=rule)
    channel, _ = create_channel(tenant=tenant, kind="email", name=f"{marker} channel", address=f"{marker}@example.org")
    steps = [{"after_minutes": 5, "channels": [str(channel.pk)]}]
    alerting_services.save_escalation(policy=EscalationPolicy(tenant=tenant, name=f"{marker} escalation"), steps=steps)
    now = timezone.now()
    with patch("alerting.telling._send_soon"):
        alert = open_alert(
            rule=rule, severity="critical", began_at=now, fired_at=now, value=1.0, summary=f"{marker} happened"
        )
    add_note(incident=alert.incident, text=f"{marker} note")
    now_s = now.replace(second=0, microsecond=0)
    AnomalyMemory.objects.create(tenant=tenant, rule=rule, of=marker, learned_until=now_s, state=b"")
    action = save_action(
        action=AlertAction(tenant=tenant),
        may=lambda _permission: True,
        name=f"{marker} action",
        kind="drain_target",
        target=Target.objects.filter(route__tenant=tenant).get(),
        enabled=False,
    )
    ActionRun.objects.create(
        tenant=tenant,
        action=action,
        alert=alert,
        incident=alert.incident,
        name=action.name,
        kind=action.kind,
        state="would",
        text=f"{marker} would have been drained",
    )
    alerting_services.create_silence(tenant=tenant, reason=f"{marker} reason", ends_at=now + timedelta(days=1))
    record_deployment(tenant=tenant, service=f"{marker} service", version=marker, note=f"{marker} note")
    choose_writer(tenant=tenant, route=f"{marker}-route", budget_nanousd=1_000)
    explain(incident=alert.incident)


def _plant_insights(tenant: Tenant, marker: str) -> None:
    create_impact_rule(tenant=tenant, name=f"{marker} impact", route=f"{marker}-route", nanousd=1_000)
    decide(tenant=tenant, key=f"cache_route:{marker}", title=f"{marker} advice", note=f"{marker} note")
    waste = {"kind": "failed", "route": f"{marker}-route", "model": f"{marker}-model", "calls": 1, "nanousd": 1}
    KeptCalls.objects.create(
        tenant=tenant,
        grain=2,
        start=timezone.now() - timedelta(days=40),
        calls=1,
        following=0,
        figures={"calls": 1, "wastes": [waste]},
    )
    KeptSavings.objects.create(
        tenant=tenant,
        advice=[{"key": f"cache_route:{marker}", "title": f"{marker} advice", "saving_nanousd": 1, "open": True}],
    )


async def _plant_events(tenant: Tenant, key_id: str, team_id: str, marker: str, correlation_id: str) -> None:
    of = context(correlation_id, tenant_id=str(tenant.pk))
    whose = {"key_id": key_id, "team_id": team_id, "user": f"{marker}-user", "tags": {"project": marker}}
    payloads = [
        started(**whose, requested_model=marker, input=[{"role": "user", "content": f"{marker} prompt"}]),
        attempt_failed(error_message=f"{marker} failure"),
        completed(**whose, input_tokens=4, output_tokens=6, cost_nanousd=2_000, output={"content": f"{marker} answer"}),
    ]
    lines = b"".join(line(payload, of) + b"\n" for payload in payloads)
    refused = rejected(error_message=f"{marker} refused", key_id=key_id)
    lines += line(refused, context(new_correlation_id(), tenant_id=str(tenant.pk))) + b"\n"
    store = EventStore(conninfo(), retention=timedelta(days=30))
    await store.write([batch(lines, spool_id=f"spool-{marker}")])
    await store.aclose()


def keys_of(tenant: Tenant) -> dict[str, set[str]]:
    """The primary keys of everything that the tenant owns, by table."""
    owned = owned_tables()
    found: dict[str, set[str]] = {}
    grown = True
    while grown:
        before = sum(map(len, found.values()))
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            for column in owned.get(table, ()):
                values = _owners(model, column, tenant, found)
                rows = model._base_manager.filter(**{f"{_field(model, column)}__in": values})
                found.setdefault(table, set()).update(str(key) for key in rows.values_list("pk", flat=True))
        grown = sum(map(len, found.values())) > before
    return found


def _field(model, column: str) -> str:
    return next(field.attname for field in model._meta.concrete_fields if field.column == column)


def _owners(model, column: str, tenant: Tenant, found: dict[str, set[str]]) -> set[str]:
    field = next(field for field in model._meta.concrete_fields if field.column == column)
    if column == "slug":
        return {tenant.slug}
    if not field.is_relation or field.related_model is Tenant:
        return {str(tenant.pk)}
    return found.get(field.related_model._meta.db_table, set())
