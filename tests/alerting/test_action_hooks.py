"""Hooks of deployments: called with a signature until they take it, under one id, and told of an undo."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import msgspec
import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from alerting.actions import hooks
from alerting.actions.hooks import MOST_TRIES
from alerting.actions.undoing import undo
from alerting.channel_rows import Channel
from alerting.channel_services import create_channel
from tests.alerting.action_rows import fire, look, make_action, runs_of

pytestmark = pytest.mark.django_db


class Deployment:
    """What rolls back; ``status`` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    @property
    def types(self) -> list[str]:
        return [msgspec.json.decode(content)["type"] for _, content in self.asked]


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    made = Deployment()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            made.asked.append(({name.lower(): value for name, value in self.headers.items()}, content))
            self.send_response(made.status)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/rollback"
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def hook(deployment: Deployment, **fields: Any) -> str:
    """An action of the platform, whose webhooks may be inside; the secret that it signs with."""
    channel, secret = create_channel(kind="webhook", name="Deployments", address=deployment.url)
    make_action(None, name="Roll back", kind="call_hook", channel=channel, **fields)
    return secret


def test_it_gets_one_signed_request(deployment: Deployment):
    secret = hook(deployment)
    alert = fire(None)
    look()
    look()

    ((headers, content),) = deployment.asked
    stamp, signature = (part.partition("=")[2] for part in headers["breakwater-signature"].split(","))
    assert signature == hmac.new(secret.encode(), f"{stamp}.".encode() + content, sha256).hexdigest()
    told = msgspec.json.decode(content)
    (run,) = runs_of(None)
    assert (told["type"], told["action"]["run_id"]) == ("action.rollback", str(run.pk))
    assert told["incident"]["id"] == str(alert.incident_id)
    assert (run.state, headers["breakwater-delivery"]) == ("done", str(run.pk))


def test_what_is_not_taken_is_tried_again_under_the_same_id_and_given_up(deployment: Deployment):
    hook(deployment)
    fire(None)
    deployment.status = 503
    for _ in range(MOST_TRIES + 2):
        look()

    (run,) = runs_of(None)
    assert len(deployment.asked) == MOST_TRIES
    assert {headers["breakwater-delivery"] for headers, _ in deployment.asked} == {str(run.pk)}
    assert (run.state, run.text) == ("failed", "Call the hook “Deployments”. It answered 503.")


def test_what_is_refused_for_good_is_not_tried_again(deployment: Deployment):
    hook(deployment)
    fire(None)
    deployment.status = 404
    look()
    look()

    assert len(deployment.asked) == 1
    assert runs_of(None)[0].state == "failed"


def test_whoever_dies_after_the_request_sends_it_again_under_the_same_id(deployment: Deployment, monkeypatch):
    hook(deployment)
    fire(None)

    def dies(*_: object) -> None:
        raise SystemError

    with monkeypatch.context() as dying:
        dying.setattr(hooks, "_note", dies)
        look()
    look()

    (run,) = runs_of(None)
    assert run.state == "done"
    assert [headers["breakwater-delivery"] for headers, _ in deployment.asked] == [str(run.pk)] * 2


def test_a_dry_run_calls_nobody(deployment: Deployment):
    hook(deployment, dry_run=True)
    fire(None)
    look()

    assert deployment.asked == []
    assert runs_of(None)[0].state == "would"


def test_an_undo_is_told(deployment: Deployment):
    hook(deployment)
    fire(None)
    look()
    (run,) = runs_of(None)

    assert undo(run=run, now=timezone.now()).state == "undone"
    assert deployment.types == ["action.rollback", "action.undone"]


def test_only_webhooks_are_hooks():
    channel, _ = create_channel(kind="email", name="On call", address="oncall@example.org")

    with pytest.raises(ValidationError, match="Choose a webhook"):
        make_action(None, kind="call_hook", channel=channel)


def test_a_tenants_hook_reaches_no_address_inside(acme, deployment: Deployment):
    channel, _ = create_channel(tenant=acme, kind="webhook", name="Inside", address="https://hooks.example.org/x")
    Channel.objects.filter(tenant=acme, pk=channel.pk).update(address=deployment.url)
    make_action(acme, name="Roll back", kind="call_hook", channel=channel)
    fire(acme)
    look()

    assert deployment.asked == []
    (run,) = runs_of(acme)
    assert run.text.endswith("The address is not a public one.")
