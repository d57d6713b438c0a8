"""Messages about incidents: to a mail server, and to a server that is Slack, PagerDuty and a program of one's own."""

from __future__ import annotations

import hmac
import socket
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from aiosmtpd.controller import Controller
from django.utils import timezone

from alerting import incidents, sending, services, telling
from alerting.attempts import MOST_TRIES, pause_after
from alerting.channel_rows import Channel, Delivery
from alerting.channel_services import change_channel, create_channel, delete_channel
from alerting.escalating import escalate
from alerting.incident_rows import EscalationPolicy, Incident
from alerting.sending import MOST_IN_WINDOW, deliver_due
from tenants.audit import AuditEntry
from tenants.models import StoredSecret
from tests.alerting.alert_rows import Minutes, incidents_of, make_rule

pytestmark = pytest.mark.django_db

_TEXT = {
    "type": "object",
    "required": ["type", "text"],
    "additionalProperties": False,
    "properties": {
        "type": {"enum": ["plain_text", "mrkdwn"]},
        "text": {"type": "string", "minLength": 1, "maxLength": 3000},
        "emoji": {"type": "boolean"},
    },
}
SLACK = {
    "type": "object",
    "required": ["text", "blocks"],
    "additionalProperties": False,
    "properties": {
        "text": {"type": "string", "minLength": 1},
        "blocks": {
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "items": {
                "oneOf": [
                    {
                        "required": ["type", "text"],
                        "additionalProperties": False,
                        "properties": {
                            "type": {"const": "header"},
                            "text": {
                                "allOf": [
                                    _TEXT,
                                    {"properties": {"type": {"const": "plain_text"}, "text": {"maxLength": 150}}},
                                ]
                            },
                        },
                    },
                    {
                        "required": ["type", "text"],
                        "additionalProperties": False,
                        "properties": {"type": {"const": "section"}, "text": _TEXT},
                    },
                    {
                        "required": ["type", "elements"],
                        "additionalProperties": False,
                        "properties": {
                            "type": {"const": "actions"},
                            "elements": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 25,
                                "items": {
                                    "type": "object",
                                    "required": ["type", "text"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "type": {"const": "button"},
                                        "text": {"allOf": [_TEXT, {"properties": {"text": {"maxLength": 75}}}]},
                                        "url": {"type": "string", "maxLength": 3000, "pattern": "^https?://"},
                                        "style": {"enum": ["primary", "danger"]},
                                    },
                                },
                            },
                        },
                    },
                    {
                        "required": ["type", "elements"],
                        "additionalProperties": False,
                        "properties": {
                            "type": {"const": "context"},
                            "elements": {"type": "array", "minItems": 1, "maxItems": 10, "items": _TEXT},
                        },
                    },
                ]
            },
        },
    },
}
"""Block Kit, as far as these messages use it: Slack's reference of blocks and composition objects."""
PAGERDUTY = {
    "type": "object",
    "required": ["routing_key", "event_action"],
    "additionalProperties": False,
    "properties": {
        "routing_key": {"type": "string", "minLength": 32, "maxLength": 32},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "maxLength": 255},
        "client": {"type": "string"},
        "client_url": {"type": "string"},
        "links": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["href"],
                "additionalProperties": False,
                "properties": {"href": {"type": "string"}, "text": {"type": "string"}},
            },
        },
        "payload": {
            "type": "object",
            "required": ["summary", "source", "severity"],
            "additionalProperties": False,
            "properties": {
                "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
                "source": {"type": "string", "minLength": 1},
                "severity": {"enum": ["critical", "warning", "error", "info"]},
                "timestamp": {"type": "string", "format": "date-time"},
                "component": {"type": "string"},
                "group": {"type": "string"},
                "class": {"type": "string"},
                "custom_details": {"type": "object"},
            },
        },
    },
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
    "else": {"required": ["dedup_key"]},
}
"""The Events API, version 2: PagerDuty's reference of "Send an Alert Event"."""
_KEY = "R0UT1NGKEY" + "0" * 22


class World:
    """What was posted to it, by path, and with which status it answers."""

    def __init__(self) -> None:
        self.origin = ""
        self.status = 200
        self.posts: list[tuple[str, dict[str, str], bytes]] = []

    def bodies(self, path: str) -> list[Any]:
        return [msgspec.json.decode(body) for at, _, body in self.posts if at == path]


@pytest.fixture
def world(settings) -> Iterator[World]:
    found = World()
    schemas = {"/services/T000/B000/secretwords": SLACK, "/v2/enqueue": PAGERDUTY}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = found.status
            schema = schemas.get(self.path)
            if schema is not None and not jsonschema_rs.is_valid(schema, msgspec.json.decode(body)):
                status = 400
            if status < 300:
                found.posts.append((self.path, dict(self.headers), body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    found.origin = f"http://127.0.0.1:{server.server_port}"
    settings.SLACK_WEBHOOK_ORIGINS = (found.origin,)
    settings.PAGERDUTY_EVENTS_URL = f"{found.origin}/v2/enqueue"
    settings.PUBLIC_URL = "https://llm.example.org"
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def incident(acme, minutes: Minutes) -> Incident:
    make_rule(acme, description="Look at <the> status page.")
    minutes.many(0, 10, errors=25)
    minutes.check(10)
    return incidents_of(acme)[0]


def slack_of(tenant, world: World, **fields) -> Channel:
    url = f"{world.origin}/services/T000/B000/secretwords"
    return create_channel(tenant=tenant, kind="slack", name="#ops", secret=url, **fields)[0]


def tell(incident: Incident) -> None:
    """As when it opens."""
    telling.tell(incident, "opened:1")


def test_slack_gets_blocks_that_it_takes(acme, incident, world: World):
    slack_of(acme, world)
    tell(incident)

    assert deliver_due() == 1
    (message,) = world.bodies("/services/T000/B000/secretwords")
    assert message["text"] == "Critical: Errors"
    assert "Look at &lt;the&gt; status page." in message["blocks"][1]["text"]["text"]
    link = message["blocks"][2]["elements"][0]["url"]
    assert link == f"https://llm.example.org/t/acme/incidents/{incident.pk}/"


def test_pagerduty_triggers_acknowledges_and_resolves_one_incident(acme, incident, world: World):
    create_channel(tenant=acme, kind="pagerduty", name="Pager", secret=_KEY)
    tell(incident)
    deliver_due()
    incidents.acknowledge(incident=incident)
    deliver_due()
    incidents.resolve(incident=incident)
    deliver_due()

    told = world.bodies("/v2/enqueue")
    assert [one["event_action"] for one in told] == ["trigger", "acknowledge", "resolve"]
    assert len({one["dedup_key"] for one in told}) == 1
    assert told[0]["payload"]["severity"] == "critical"


def test_a_program_can_check_the_signature(incident, world: World):
    channel, secret = create_channel(kind="webhook", name="Ours", address=f"{world.origin}/hook")
    assert sending.send_test(channel).outcome == "sent"

    ((_, headers, body),) = world.posts
    stamp, signed = headers["Breakwater-Signature"].split(",")
    expected = hmac.new(secret.encode(), f"{stamp[2:]}.".encode() + body, sha256).hexdigest()
    assert signed == f"v1={expected}"
    assert headers["Breakwater-Delivery"]
    assert msgspec.json.decode(body)["type"] == "incident.test"


def test_mail_arrives_at_a_real_server_as_text_and_html(acme, incident, settings):
    received: list[Any] = []

    class Handler:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
            received.append(envelope)
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as free:
        host, port = free.getsockname()
    server = Controller(Handler(), hostname=host, port=port)
    server.start()
    try:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = host, port, False
        create_channel(tenant=acme, kind="email", name="On call", address="oncall@example.org")
        tell(incident)
        assert deliver_due() == 1
    finally:
        server.stop()
    (envelope,) = received
    text = envelope.content.decode()
    assert envelope.rcpt_tos == ["oncall@example.org"]
    assert "Subject: [Acme] Critical: Errors" in text
    assert "text/plain" in text
    assert "text/html" in text
    assert f"References: <breakwater-{incident.pk}-1@breakwater>" in text.replace("\r\n ", " ")


def test_a_change_is_told_once_however_often_it_is_put_down(acme, incident, world: World):
    slack_of(acme, world)
    tell(incident)
    tell(incident)
    deliver_due()

    assert deliver_due() == 0
    assert len(world.posts) == 1


def test_what_is_not_taken_is_tried_again_with_growing_pauses_and_given_up(acme, incident, world: World):
    slack_of(acme, world)
    tell(incident)
    world.status = 500
    now = timezone.now()
    for number in range(1, MOST_TRIES + 1):
        deliver_due(now=now)
        row = Delivery.objects.get(tenant=acme)
        assert row.tries == number
        assert (row.status, row.error) == (500, "It answered 500.")
        assert deliver_due(now=now) == 0
        now += pause_after(number)

    assert row.outcome == "failed"
    assert pause_after(3) == 4 * pause_after(1)


def test_what_is_refused_for_good_is_not_tried_again(acme, incident, world: World):
    slack_of(acme, world)
    tell(incident)
    world.status = 403
    deliver_due()

    assert Delivery.objects.get(tenant=acme).outcome == "failed"


def test_messages_about_one_incident_stay_in_order(acme, incident, world: World):
    slack_of(acme, world)
    tell(incident)
    world.status = 500
    now = timezone.now()
    deliver_due(now=now)
    incidents.resolve(incident=incident)
    world.status = 200
    assert deliver_due(now=now) == 0

    deliver_due(now=now + timedelta(minutes=5))
    assert [one["text"].partition(":")[0] for one in world.bodies("/services/T000/B000/secretwords")] == [
        *("Critical", "Resolved")
    ]


def test_a_channel_is_not_flooded(acme, incident, world: World):
    channel = slack_of(acme, world)
    sent = {"outcome": "sent", "ended_at": timezone.now(), "what": "test", "tenant": acme, "channel": channel}
    Delivery.objects.bulk_create(Delivery(**sent) for _ in range(MOST_IN_WINDOW))
    tell(incident)

    assert deliver_due() == 0
    assert Delivery.objects.get(tenant=acme, outcome="waiting").tries == 0
    assert deliver_due(now=timezone.now() + timedelta(minutes=11)) == 1


def test_who_wants_only_the_worst_is_told_once_it_is(acme, incident, world: World):
    incidents.set_severity(incident=incident, severity="warning")
    slack_of(acme, world, from_severity="critical")
    incident.refresh_from_db()
    tell(incident)
    assert deliver_due() == 0

    incidents.set_severity(incident=incident, severity="critical")
    assert deliver_due() == 1


def test_what_nobody_acknowledges_goes_on_to_the_next(acme, incident, world: World):
    late = slack_of(acme, world, on_escalation_only=True)
    steps = [{"after_minutes": 10, "channels": [str(late.pk)]}]
    services.save_escalation(policy=EscalationPolicy(tenant=acme, name="Nights"), steps=steps)
    assert escalate(now=timezone.now()) == 0
    assert escalate(now=timezone.now() + timedelta(minutes=11)) == 1
    assert escalate(now=timezone.now() + timedelta(minutes=12)) == 0
    deliver_due()
    assert world.bodies("/services/T000/B000/secretwords")[0]["text"] == "Nobody acknowledged yet, critical: Errors"


def test_what_is_acknowledged_goes_no_further(acme, incident, world: World):
    late = slack_of(acme, world, on_escalation_only=True)
    steps = [{"after_minutes": 10, "channels": [str(late.pk)]}]
    services.save_escalation(policy=EscalationPolicy(tenant=acme, name="Nights"), steps=steps)
    incidents.acknowledge(incident=incident)

    assert escalate(now=timezone.now() + timedelta(minutes=11)) == 0


def test_secrets_are_neither_in_the_audit_log_nor_left_behind(acme, world: World):
    channel = slack_of(acme, world)
    change_channel(channel=channel, secret=f"{world.origin}/services/T000/B000/otherwords")
    delete_channel(channel=channel)

    said = str(list(AuditEntry.objects.filter(tenant_ref=str(acme.pk)).values_list("before", "after")))
    assert "secretwords" not in said
    assert "otherwords" not in said
    assert not StoredSecret.objects.for_tenant(acme).exists()


def test_a_tenants_webhook_reaches_no_address_inside(acme, incident, world: World, monkeypatch):
    channel, _ = create_channel(tenant=acme, kind="webhook", name="Theirs", address="https://hooks.example.org/x")
    inside = [(2, 1, 6, "", ("127.0.0.1", 443))]
    monkeypatch.setattr("tenants.outgoing.socket.getaddrinfo", lambda *_args, **_kwargs: inside)

    row = sending.send_test(channel)
    assert (row.outcome, row.error) == ("failed", "The address is not a public one.")
