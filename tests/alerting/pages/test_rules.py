"""Pages of rules, objectives and channels."""

from __future__ import annotations

import pytest

from alerting import services
from alerting.channel_rows import Channel
from alerting.channel_services import create_channel
from alerting.incident_rows import EscalationPolicy
from alerting.objectives import SLO
from alerting.rules import AlertRule
from tests.alerting.alert_rows import Minutes, make_rule
from tests.alerting.pages.conftest import body

pytestmark = pytest.mark.django_db

RULE = {
    "name": "Too many errors",
    "kind": "threshold",
    "signal": "error_rate",
    "operator": "above",
    "threshold": "5",
    "calls": "all",
    "window_minutes": "5",
    "for_minutes": "2",
    "clear_minutes": "5",
    "min_requests": "20",
    "severity": "critical",
    "enabled": "on",
}


def test_a_rule_is_written_in_the_units_of_people(developer, acme):
    answer = developer.post("/t/acme/alerts/new/", RULE)

    rule = AlertRule.objects.get(tenant=acme)
    assert answer.headers["Location"] == f"/t/acme/alerts/{rule.pk}/"
    assert rule.threshold == pytest.approx(0.05)
    assert "Error rate above 5% for 2 min" in body(developer.get("/t/acme/alerts/"))
    assert 'value="5.0"' in body(developer.get(f"/t/acme/alerts/{rule.pk}/edit/"))


def test_costs_are_written_in_dollars(developer, acme):
    developer.post("/t/acme/alerts/new/", {**RULE, "signal": "cost_per_call", "threshold": "0.02"})

    assert AlertRule.objects.get(tenant=acme).threshold == 20_000_000


def test_before_it_is_saved_it_says_how_often_it_would_have_fired(developer, acme, minutes: Minutes):
    minutes.many(0, 6)
    minutes.many(6, 10, errors=25)
    minutes.many(10, 22)
    minutes.many(22, 26, errors=25)
    minutes.many(26, 29)
    page = body(developer.post("/t/acme/alerts/new/", {**RULE, "name": ""}, headers={"X-Preview": "1"}))

    assert "It would have fired <strong>2 times</strong>." in page
    assert not AlertRule.objects.filter(tenant=acme).exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"threshold": ""}, "Say from where on it is bad."),
        ({"kind": "burn_rate"}, "Say of which objective."),
        ({"clear_threshold": "9"}, "It has to lie on the good side of the threshold."),
    ],
)
def test_what_is_missing_is_said_beside_its_field(developer, acme, changed, said):
    assert said in body(developer.post("/t/acme/alerts/new/", {**RULE, **changed}))


def test_a_rules_page_shows_its_day(developer, acme, minutes: Minutes):
    rule = make_rule(acme, description="Call somebody.")
    minutes.many(0, 29, errors=25)
    minutes.check(28)
    page = body(developer.get(f"/t/acme/alerts/{rule.pk}/"))

    assert "Firing" in page
    assert "Call somebody." in page
    assert "Last 24 hours" in page


def test_a_rule_is_switched_off_and_deleted(developer, acme):
    rule = make_rule(acme)
    developer.post(f"/t/acme/alerts/{rule.pk}/switch/")
    assert not AlertRule.objects.get(tenant=acme).enabled

    developer.post(f"/t/acme/alerts/{rule.pk}/delete/")
    assert not AlertRule.objects.filter(tenant=acme).exists()


def test_viewers_change_no_rules(as_member, acme):
    rule = make_rule(acme)
    viewer = as_member("viewer")

    assert viewer.get("/t/acme/alerts/new/").status_code == 403
    assert viewer.post(f"/t/acme/alerts/{rule.pk}/delete/").status_code == 403
    assert body(viewer.get(f"/t/acme/alerts/{rule.pk}/"))


def test_who_may_not_see_costs_is_offered_no_such_figure(operator, as_member, acme):
    rule = make_rule(acme, signal="cost_per_call", threshold=10.0)

    assert "Your role does not see what calls cost." in body(as_member("viewer").get(f"/t/acme/alerts/{rule.pk}/"))


def test_an_objective_comes_with_the_rule_that_looks_at_it(developer, acme, minutes: Minutes):
    minutes.many(0, 20, errors=1)
    sent = {"name": "Answers", "kind": "availability", "objective": "99.5", "window_days": "28", "enabled": "on"}
    answer = developer.post("/t/acme/slos/new/", {**sent, "calls": "all"})

    slo = SLO.objects.get(tenant=acme)
    assert answer.headers["Location"] == f"/t/acme/slos/{slo.pk}/"
    assert AlertRule.objects.get(tenant=acme).slo == slo
    page = body(developer.get(f"/t/acme/slos/{slo.pk}/"))
    assert "99.5% of calls are answered over 28 days" in page
    assert "4.0×" in page
    assert "300%" in body(developer.get("/t/acme/slos/"))


def test_an_objective_of_latency_needs_to_say_how_fast(developer, acme):
    sent = {"name": "Fast", "kind": "latency", "objective": "95", "window_days": "7", "calls": "all", "latency_ms": ""}

    assert "Say how much." in body(developer.post("/t/acme/slos/new/", sent))
    developer.post("/t/acme/slos/new/", {**sent, "latency_ms": "2500"})
    assert SLO.objects.get(tenant=acme).limit == 2_500


def test_a_webhooks_secret_is_shown_once(developer, acme):
    sent = {"name": "Pager", "address": "https://hooks.example.org/alerts", "from_severity": "warning", "enabled": "on"}
    page = body(developer.post("/t/acme/alerts/channels/new/webhook/", sent))

    channel = Channel.objects.get(tenant=acme)
    assert "whsec_" in page
    assert "whsec_" not in body(developer.get(f"/t/acme/alerts/channels/{channel.pk}/"))


@pytest.mark.parametrize("url", ["http://hooks.example.org/x", "https://10.0.0.8/x", "https://localhost/x", "nothing"])
def test_tenants_name_public_addresses_only(developer, acme, url):
    sent = {"name": "Pager", "address": url, "from_severity": "warning", "enabled": "on"}

    developer.post("/t/acme/alerts/channels/new/webhook/", sent)
    assert not Channel.objects.filter(tenant=acme).exists()


def test_channels_escalate_in_steps(developer, acme):
    channel, _ = create_channel(tenant=acme, kind="email", name="On call", address="oncall@example.org")
    sent = {"name": "Nights", "from_severity": "critical", "enabled": "on", "after_1": "10"}
    developer.post("/t/acme/alerts/escalations/new/", {**sent, "channels_1": str(channel.pk)})

    policy = EscalationPolicy.objects.get(tenant=acme)
    assert policy.steps == [{"after_minutes": 10, "channels": [str(channel.pk)]}]
    assert "after 10 min On call" in body(developer.get("/t/acme/alerts/channels/"))
    assert body(developer.get(f"/t/acme/alerts/escalations/{policy.pk}/"))
    developer.post(f"/t/acme/alerts/escalations/{policy.pk}/delete/")
    assert not EscalationPolicy.objects.filter(tenant=acme).exists()


def test_every_page_says_something_where_there_is_nothing(developer, operator, acme):
    for path in ("incidents/", "alerts/", "slos/", "alerts/silences/", "alerts/channels/"):
        assert body(developer.get(f"/t/acme/{path}"))
        assert body(operator.get(f"/console/{path}"))
    for path in ("alerts/new/", "slos/new/", "alerts/silences/new/", "alerts/channels/new/", "alerts/escalations/new/"):
        assert body(developer.get(f"/t/acme/{path}"))
        assert body(operator.get(f"/console/{path}"))
    for kind in ("email", "slack", "pagerduty", "webhook"):
        assert body(developer.get(f"/t/acme/alerts/channels/new/{kind}/"))
    assert developer.get("/t/acme/alerts/channels/new/pigeon/").status_code == 404


def test_an_operator_changes_a_tenants_rule_as_the_tenants(operator, acme):
    services.create_slo(tenant=acme, name="Theirs")
    rule = make_rule(acme)
    operator.post(f"/console/alerts/{rule.pk}/edit/", {**RULE, "threshold": "7"})

    rule.refresh_from_db()
    assert rule.threshold == pytest.approx(0.07)
    assert rule.tenant == acme
