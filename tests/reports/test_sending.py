"""Reports as messages: to a real mail server, and to a server that is as strict as Slack."""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from aiosmtpd.controller import Controller
from django.test import Client
from django.utils import timezone

from alerting.attempts import MOST_TRIES
from alerting.channel_services import change_channel, create_channel, delete_channel
from reports import sending
from reports.models import Recipient, Report, ReportDelivery, ReportSchedule
from reports.sending import deliver_due
from reports.services import ask_for_report
from reports.tasks import make_report
from tenants.audit import AuditEntry
from tenants.models import Membership, Tenant
from tests.reports.conftest import make_member, make_schedule, two_weeks

pytestmark = pytest.mark.django_db

_MARKDOWN = {
    "type": "object",
    "required": ["type", "text"],
    "additionalProperties": False,
    "properties": {"type": {"const": "mrkdwn"}, "text": {"type": "string", "minLength": 1, "maxLength": 3000}},
}
_PLAIN = {
    "type": "object",
    "required": ["type", "text"],
    "additionalProperties": False,
    "properties": {
        "type": {"const": "plain_text"},
        "text": {"type": "string", "minLength": 1, "maxLength": 150},
        "emoji": {"type": "boolean"},
    },
}


def _block(kind: str, required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "required": ["type", *required],
        "additionalProperties": False,
        "properties": {"type": {"const": kind}, **properties},
    }


_FIELD = {"allOf": [_MARKDOWN, {"properties": {"text": {"maxLength": 2000}}}]}
SLACK = {
    "type": "object",
    "required": ["text", "blocks"],
    "additionalProperties": False,
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": 40_000},
        "blocks": {
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "items": {
                "oneOf": [
                    _block("header", ["text"], text=_PLAIN),
                    _block("divider", []),
                    _block("section", ["text"], text=_MARKDOWN),
                    _block(
                        "section", ["fields"], fields={"type": "array", "minItems": 1, "maxItems": 10, "items": _FIELD}
                    ),
                    _block(
                        "context",
                        ["elements"],
                        elements={"type": "array", "minItems": 1, "maxItems": 10, "items": _MARKDOWN},
                    ),
                    _block(
                        "actions",
                        ["elements"],
                        elements={
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 25,
                            "items": {
                                "type": "object",
                                "required": ["type", "text"],
                                "additionalProperties": False,
                                "properties": {
                                    "type": {"const": "button"},
                                    "text": {"allOf": [_PLAIN, {"properties": {"text": {"maxLength": 75}}}]},
                                    "url": {"type": "string", "maxLength": 3000, "pattern": "^https?://"},
                                    "style": {"enum": ["primary", "danger"]},
                                },
                            },
                        },
                    ),
                ]
            },
        },
    },
}
"""Block Kit, as far as reports use it: Slack's reference of blocks and composition objects."""


class Slack:
    """What was posted, and with which status it answers; 400 to what Slack would refuse."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.posts: list[Any] = []


@pytest.fixture
def slack(settings: Any) -> Iterator[Slack]:
    found = Slack()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
            status = found.status if jsonschema_rs.is_valid(SLACK, body) else 400
            if status < 300:
                found.posts.append(body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    origin = f"http://127.0.0.1:{server.server_port}"
    found.url = f"{origin}/services/T000/B000/secretwords"
    settings.SLACK_WEBHOOK_ORIGINS = (origin,)
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


class Inbox:
    """An SMTP server of the test's own."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.to: list[str] = []
        self.answer = "250 taken"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            self.messages.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
            self.to += envelope.rcpt_tos
        return self.answer


@pytest.fixture
def inbox(settings: Any) -> Iterator[Inbox]:
    found = Inbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(found, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    yield found
    controller.stop()


@pytest.fixture(autouse=True)
def _public(settings: Any) -> None:
    settings.PUBLIC_URL = "https://llm.example.org"


def made(schedule: ReportSchedule) -> Report:
    report = ask_for_report(schedule=schedule, send=True)
    make_report(str(report.pk))
    return report


def deliveries(report: Report) -> list[ReportDelivery]:
    return list(ReportDelivery.objects.filter(tenant=report.tenant_id, report=report).order_by("to"))


def parts(message: EmailMessage) -> dict[str, list[EmailMessage]]:
    found: dict[str, list[EmailMessage]] = {}
    for part in message.walk():
        found.setdefault(part.get_content_type(), []).append(part)
    return found


def test_a_mail_has_html_with_its_charts_inside_and_all_of_it_as_text(acme: Tenant, weekly, inbox: Inbox):
    two_weeks(acme, errors=12, slower=8)
    report = made(weekly)

    assert deliver_due() == 2

    message = inbox.messages[inbox.to.index("team@example.org")]
    found = parts(message)
    html = found["text/html"][0].get_content()
    text = found["text/plain"][0].get_content()
    images = {part["Content-ID"].strip("<>"): part for part in found["image/png"]}
    assert message["Subject"].startswith("[Acme] Week, ")
    assert message.get_content_type() == "multipart/related"
    assert message["Auto-Submitted"] == "auto-generated"
    assert set(images) == {"traffic-0@breakwater", "traffic-1@breakwater", "costs-0@breakwater"}
    assert all(part.get_content_disposition() == "inline" for part in images.values())
    assert all(part.get_content()[:8] == b"\x89PNG\r\n\x1a\n" for part in images.values())
    assert all(f'src="cid:{cid}" alt="Chart: ' in html for cid in images)
    for said in ("Failed calls", "Look at the calls that failed.", "Worse, more than chance", "95th percentile"):
        assert said in html
        assert said in text
    assert f"https://llm.example.org/t/acme/reports/{report.pk}/" in text
    assert "List-Unsubscribe" not in message, "A channel is looked after by whoever made it."


def test_a_member_gets_what_their_role_lets_them_see(acme: Tenant, inbox: Inbox):
    two_weeks(acme, errors=12, dearer=3)
    people = [make_member(acme, "vic", "viewer"), make_member(acme, "dev", "developer")]
    made(make_schedule(acme, users=people))

    assert deliver_due() == 2

    shown = {to: parts(one)["text/plain"][0].get_content() for to, one in zip(inbox.to, inbox.messages, strict=True)}
    assert "COST" in shown["dev@example.org"]
    assert "COST" not in shown["vic@example.org"]
    assert "became dearer" not in shown["vic@example.org"]


def test_who_left_the_tenant_gets_nothing(acme: Tenant, inbox: Inbox):
    report = made(make_schedule(acme, users=[make_member(acme, "vic", "viewer")]))
    Membership.objects.filter(tenant=acme, user__username="vic").delete()

    assert deliver_due() == 0

    [row] = deliveries(report)
    assert (row.outcome, inbox.messages) == ("failed", [])


def test_a_reader_ends_the_subscription_by_the_link_in_the_mail(acme: Tenant, weekly, inbox: Inbox):
    made(weekly)
    deliver_due()
    message = inbox.messages[inbox.to.index("ann@example.org")]
    address = message["List-Unsubscribe"].strip(" <>")
    assert address in parts(message)["text/plain"][0].get_content()
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    client, path = Client(enforce_csrf_checks=True), address.removeprefix("https://llm.example.org")

    assert "No more" in client.get(path).content.decode()
    assert Recipient.objects.filter(tenant=acme, user__username="ann").exists(), "Scanners of mails follow links."
    assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200

    assert not Recipient.objects.filter(tenant=acme, user__username="ann").exists()
    assert client.get(path).status_code == 200
    assert client.get(path[:-6] + "x/").status_code == 404
    entry = AuditEntry.objects.filter(tenant_ref=str(acme.pk), object_type="reportschedule").latest("pk")
    assert (entry.actor, entry.after) == ("ann", {"unsubscribed": "ann"})


def test_slack_takes_the_blocks(acme: Tenant, slack: Slack):
    two_weeks(acme, errors=12, slower=8, dearer=3)
    channel, _ = create_channel(tenant=acme, kind="slack", name="Ops <&>", secret=slack.url)
    made(make_schedule(acme, name="<!channel> & more", channels=[channel]))

    assert deliver_due() == 1

    [post] = slack.posts
    text = msgspec.json.encode(post).decode()
    assert "Look at the calls that failed." in text
    assert "<!channel>" not in text.replace(post["blocks"][0]["text"]["text"], "").replace(post["text"], "")
    assert post["blocks"][-1]["elements"][0]["url"].startswith("https://llm.example.org/t/acme/reports/")


def test_what_is_not_taken_is_tried_again_after_a_pause_and_given_up_in_the_end(acme: Tenant, slack: Slack):
    channel, _ = create_channel(tenant=acme, kind="slack", name="Ops", secret=slack.url)
    report = made(make_schedule(acme, channels=[channel]))
    slack.status, now = 503, timezone.now()

    assert deliver_due(now=now) == 0
    assert deliver_due(now=now) == 0, "The pause is not over."
    assert deliveries(report)[0].tries == 1
    for _ in range(MOST_TRIES - 1):
        now += timedelta(hours=1)
        deliver_due(now=now)

    [row] = deliveries(report)
    assert (row.outcome, row.tries, row.status, row.error) == ("failed", MOST_TRIES, 503, "It answered 503.")
    slack.status = 200
    assert deliver_due(now=now + timedelta(days=1)) == 0


def test_each_is_told_once_however_often_the_round_comes(acme: Tenant, weekly, inbox: Inbox):
    made(weekly)

    assert [deliver_due(), deliver_due()] == [2, 0]
    assert len(inbox.messages) == 2


def test_a_sender_that_dies_before_it_sends_loses_nothing(acme: Tenant, weekly, inbox: Inbox, monkeypatch):
    report = made(weekly)

    class Killed(BaseException):
        """Nothing catches it."""

    def killed(_row: ReportDelivery) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(sending, "_sent", killed)
        with pytest.raises(Killed):
            deliver_due()

    assert deliver_due() == 1, "The other one is not held up."
    assert deliver_due(now=timezone.now() + timedelta(hours=1)) == 1
    assert {row.outcome for row in deliveries(report)} == {"sent"}
    assert sorted(inbox.to) == ["ann@example.org", "team@example.org"]


def test_a_channel_that_is_off_or_gone_gets_nothing(acme: Tenant, weekly, mailbox, inbox: Inbox):
    report = made(weekly)
    change_channel(channel=mailbox, enabled=False)
    deliver_due()
    other = made(weekly)
    delete_channel(channel=mailbox)
    deliver_due()

    assert "team@example.org" not in inbox.to
    assert {row.error for row in deliveries(report) if row.user is None} == {"The channel is switched off."}
    assert [row.outcome for row in deliveries(other) if row.user is None] == ["failed"]


def test_a_mail_server_that_refuses_is_asked_again(acme: Tenant, weekly, inbox: Inbox):
    report = made(weekly)
    inbox.answer = "451 later"

    assert deliver_due() == 0
    assert {row.outcome for row in deliveries(report)} == {"waiting"}

    inbox.answer = "250 taken"
    assert deliver_due(now=timezone.now() + timedelta(hours=1)) == 2
