"""Notices about budgets in Slack: an HTTP server on this machine is Slack."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import msgspec
import pytest
from django.core.exceptions import ValidationError

from tenants.audit import AuditEntry
from tenants.changes import save_row
from tenants.models import Budget, NotificationAddress
from tenants.notifying import add_slack, remove_address, send_test, tell_crossings
from tenants.secret_store import StoredSecret
from tenants.services import delete_tenant
from tests.tenants.factories import make_tenant
from tests.tenants.pages.people import body_of, client_of, member
from tests.tenants.test_notifying import cross

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/services/T000/B000/wordsthatnobodymaysee"


class Slack:
    """What was posted, and the status of the next answers."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        self.origin = ""


@pytest.fixture
def slack(settings) -> Iterator[Slack]:
    received = Slack()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if received.status == 200 and self.path == PATH:
                received.messages.append(msgspec.json.decode(body))
            self.send_response(received.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    received.origin = f"http://127.0.0.1:{server.server_port}"
    settings.SLACK_WEBHOOK_ORIGINS = (received.origin,)
    settings.PUBLIC_URL = "https://llm.example.org"
    yield received
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def tenant():
    return make_tenant(slug="acme", name="Acme <b>", time_zone="Europe/Berlin")


def test_a_channel_is_told_once_with_a_button_to_the_budget(tenant, slack):
    add_slack(tenant=tenant, channel="#costs", webhook=slack.origin + PATH)
    budget = save_row(Budget(tenant=tenant, name="monthly", level="tenant", window="month", limit_nanousd=10**11))
    cross(tenant, 100, budget_id=str(budget.pk))

    tell_crossings()
    tell_crossings()

    (message,) = slack.messages
    section, actions, _context = message["blocks"]
    assert "Acme &lt;b&gt;: budget “monthly” is used up" in section["text"]["text"]
    assert "Calls are refused until 1 January 2027" in section["text"]["text"]
    assert actions["elements"][0]["url"] == f"https://llm.example.org/t/acme/budgets/{budget.pk}/"


def test_what_slack_does_not_take_is_sent_with_a_later_round(tenant, slack):
    add_slack(tenant=tenant, channel="#costs", webhook=slack.origin + PATH)
    cross(tenant)
    slack.status = 500
    tell_crossings()
    assert not slack.messages

    slack.status = 200
    tell_crossings()

    assert len(slack.messages) == 1


def test_the_webhook_is_neither_shown_nor_audited_nor_logged(tenant, slack, caplog):
    client = client_of(member(tenant))
    client.post(
        "/t/acme/settings/notifications/slack/",
        {"channel": "#costs", "webhook": slack.origin + PATH, "from_percent": "1"},
    )
    address = NotificationAddress.objects.for_tenant(tenant).get()
    slack.status = 404
    with caplog.at_level(logging.DEBUG):
        assert not send_test(address=address)

    page = body_of(client.get("/t/acme/settings/"))
    assert "/••••ysee" in page
    assert "#costs" in page
    audited = [(entry.before, entry.after) for entry in AuditEntry.objects.filter(tenant_ref=str(tenant.pk))]
    for text in (
        page,
        str(audited),
        "\n".join(record.getMessage() for record in caplog.records if record.name != "httpx"),
    ):
        assert "wordsthatnobodymaysee" not in text
    form = body_of(client.get(f"/t/acme/settings/notifications/{address.pk}/"))
    assert "wordsthatnobodymaysee" not in form


def test_a_test_message_is_sent_at_the_press_of_a_button(tenant, slack):
    address = add_slack(tenant=tenant, channel="#costs", webhook=slack.origin + PATH)

    body = body_of(client_of(member(tenant)).post(f"/t/acme/settings/notifications/{address.pk}/test/", follow=True))

    assert "A test is on its way to Slack, #costs." in body
    assert slack.messages[0]["text"].startswith("Test: ")


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/meta", "https://hooks.slack.com.evil.example/a/b/c", "x"]
)
def test_the_platform_calls_slack_only(tenant, url):
    with pytest.raises(ValidationError, match="incoming webhook"):
        add_slack(tenant=tenant, channel="#costs", webhook=url)


def test_with_the_channel_its_webhook_goes(tenant, slack):
    address = add_slack(tenant=tenant, channel="#costs", webhook=slack.origin + PATH)

    remove_address(address=address)

    assert not StoredSecret.objects.for_tenant(tenant.pk).exists()


def test_a_tenant_with_a_channel_can_be_deleted(tenant, slack):
    add_slack(tenant=tenant, channel="#costs", webhook=slack.origin + PATH)

    delete_tenant(tenant=tenant)

    assert not NotificationAddress.objects.filter(tenant_id=tenant.pk).exists()
