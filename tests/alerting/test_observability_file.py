"""``observability.yaml``: applied, compared, exported."""

from pathlib import Path

import pytest
from django.utils import timezone

from alerting.channel_services import create_channel
from alerting.incidents import open_alert
from alerting.models import SLO, Alert, AlertRule, Channel, EscalationPolicy
from routing.configuration.directory import apply, compare, export
from tenants.audit import AuditEntry
from tenants.models import ApiKey, Tenant
from tenants.outgoing import read_secret
from tests.routing.configuration.directories import applied, refused, write
from tests.tenants.factories import make_key, make_tenant

pytestmark = pytest.mark.django_db

SLACK = "https://hooks.slack.com/services/T0000/B0000/abcdefghijklmnopqrstuvwx"
FILE = """\
channels:
  - name: ops
    tenant: acme
    kind: email
    address: ops@example.org
  - name: chat
    tenant: acme
    kind: slack
    secret: env:TEST_SLACK
    from_severity: critical
slos:
  - name: cheap
    tenant: acme
    kind: cost
    limit_usd: 0.02
    objective: 0.99
    route: chat
rules:
  - name: burns
    tenant: acme
    kind: burn_rate
    slo: cheap
    severity: critical
  - name: dear
    tenant: acme
    signal: cost_per_call
    threshold_usd: {dear}
    key: shop
  - name: odd
    tenant: acme
    kind: anomaly
    signal: error_rate
    sensitivity: high
escalations:
  - name: nobody
    tenant: acme
    steps:
      - after_minutes: 10
        channels: [chat, ops]
"""


def text(dear: str = "0.5") -> str:
    return FILE.format(dear=dear)


@pytest.fixture(autouse=True)
def acme(monkeypatch: pytest.MonkeyPatch) -> Tenant:
    monkeypatch.setenv("TEST_SLACK", SLACK)
    tenant = make_tenant(slug="acme")
    make_key(tenant=tenant, name="shop")
    return tenant


def test_what_is_named_is_there_as_it_is_written(tmp_path: Path, acme: Tenant):
    outcome = applied(tmp_path, observability=text())

    assert len(outcome.changes) == 7
    chat, slo = Channel.objects.get(name="chat"), SLO.objects.get()
    assert chat.secret is not None
    assert (chat.from_severity, read_secret(chat.secret)[0].reveal()) == ("critical", SLACK)
    assert (slo.tenant, slo.kind, slo.limit, slo.segment) == (acme, "cost", 20_000_000, "chat")
    dear = AlertRule.objects.get(name="dear")
    assert (dear.threshold, dear.segment) == (500_000_000, str(ApiKey.objects.get(tenant=acme).pk))
    assert AlertRule.objects.get(name="burns").slo == slo
    ops = Channel.objects.get(name="ops")
    assert EscalationPolicy.objects.get().steps == [{"after_minutes": 10, "channels": [str(chat.pk), str(ops.pk)]}]


def test_a_second_time_nothing_changes_and_nothing_is_audited(tmp_path: Path):
    applied(tmp_path, observability=text())
    audited = AuditEntry.objects.count()

    assert applied(tmp_path, observability=text()).changes == []
    assert AuditEntry.objects.count() == audited


def test_what_is_exported_applies_without_a_difference_and_holds_no_secret(tmp_path: Path, acme: Tenant):
    applied(tmp_path, observability=text())
    create_channel(kind="webhook", name="hook", tenant=acme, address="https://example.org/hook")

    export(tmp_path)

    written = (tmp_path / "observability.yaml").read_text()
    assert "abcdefghijkl" not in written
    assert "threshold_usd: 0.5" in written
    assert "key: shop" in written
    assert compare(tmp_path).difference == ""
    assert apply(tmp_path).changes == []


def test_a_rule_that_says_something_else_begins_anew(tmp_path: Path):
    applied(tmp_path, observability=text())
    now = timezone.now()
    rule = AlertRule.objects.get(name="dear")
    open_alert(rule=rule, severity="warning", began_at=now, fired_at=now, value=6e8, summary="Dear calls")

    outcome = applied(tmp_path, observability=text(dear="0.7"))

    assert outcome.changes == ["changed alert rule dear: threshold"]
    assert Alert.objects.get().resolved_at is not None


def test_a_secret_that_changed_in_the_environment_is_stored_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    applied(tmp_path, observability=text())
    monkeypatch.setenv("TEST_SLACK", SLACK[:-4] + "zzzz")

    outcome = applied(tmp_path, observability=text())

    assert outcome.changes == ["changed channel chat: secret"]
    secret = Channel.objects.get(name="chat").secret
    assert secret is not None
    assert read_secret(secret)[0].reveal().endswith("zzzz")


def test_rows_that_no_file_names_stay_unless_pruned(tmp_path: Path, acme: Tenant):
    applied(tmp_path, observability=text())
    only = "slos: []\n"

    assert len(applied(tmp_path, observability=only).kept) == 7
    assert AlertRule.objects.count() == 3
    assert len(applied(tmp_path, prune=True, observability=only).changes) >= 6
    left = [model.objects.count() for model in (SLO, AlertRule, Channel, EscalationPolicy)]
    assert left == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("slos:\n  - {name: s, kind: latency}\n", "Latency, cost and scores take a limit"),
        ("slos:\n  - {name: s, limit_ms: 5}\n", "an objective of availability has no limit_ms"),
        ("slos:\n  - {name: s, objective: 2}\n", "a number from 0 to 1"),
        ("rules:\n  - {name: r, kind: burn_rate, slo: none}\n", "there is no objective 'none' of the same owner"),
        ("rules:\n  - {name: r, signal: eror_rate}\n", "did you mean 'error_rate'?"),
        ("rules:\n  - {name: r, signal: cost_per_call, threshold: 1}\n", "has its limit in threshold_usd"),
        ("rules:\n  - {name: r, kind: absence, threshold: 1}\n", "a rule of kind absence has no threshold"),
        ("rules:\n  - {name: r, tenant: acme, signal: cost, threshold_usd: 1, key: none}\n", "there is no key 'none'"),
        ("rules:\n  - {name: r, route: a, model: b}\n", "is about one of route, model, key"),
        ("channels:\n  - name: c\n", "channel c needs a kind"),
        ("channels:\n  - {name: c, kind: slack}\n", "needs a secret"),
        ("channels:\n  - {name: c, kind: slack, secret: https://x}\n", "it does not stand in a file"),
        ("channels:\n  - {name: c, kind: slack, secret: env:NOWHERE}\n", "there is no variable NOWHERE"),
        ("channels:\n  - {name: c, kind: webhook, address: https://example.org}\n", "is made on its page"),
        ("channels:\n  - {name: c, kind: email, address: nobody}\n", "valid email"),
        ("escalations:\n  - {name: e, steps: [{after_minutes: 5, channels: [x]}]}\n", "'x' is unknown"),
        ("escalations:\n  - {name: e}\n", "needs a list of steps"),
        ("slos:\n  - {name: s, tenant: none}\n", "there is no tenant 'none'"),
        ("slos:\n  - name: s\n  - name: s\n", "s is there twice"),
        ("retention: {events_days: 3}\n", "unknown key"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(tmp_path: Path, text: str, complaint: str):
    problems = refused(tmp_path, observability=text)

    assert any(complaint in problem and problem.startswith("observability.yaml:") for problem in problems), problems


def test_a_channel_keeps_its_kind(tmp_path: Path):
    applied(tmp_path, observability="channels:\n  - {name: c, kind: email, address: a@example.org}\n")
    write(tmp_path, observability="channels:\n  - {name: c, kind: pagerduty}\n")

    [problem] = apply(tmp_path).problems
    assert "is of kind email, and stays so" in problem.message
