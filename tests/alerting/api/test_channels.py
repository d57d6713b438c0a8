"""Channels, escalations and recommended rules over the management API."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from alerting.models import AlertRule, Channel, EscalationPolicy
from tenants.audit import AuditEntry
from tenants.outgoing import Answer
from tests.tenants.factories import make_tenant
from tests.tenants.rest.cases import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
CHANNELS, ESCALATIONS = "/api/v1/alerting/channels", "/api/v1/alerting/escalations"
RECOMMENDED = "/api/v1/alerting/rules/recommended"
SLACK = "https://hooks.slack.com/services/T000/B000/abcdefgh"


@pytest.fixture
def world() -> World:
    return World()


def on_call(world: World, **fields: Any) -> dict[str, Any]:
    given = {"name": "On call", "kind": "email", "address": "oncall@example.org", **fields}
    sent = {name: value for name, value in given.items() if value}
    answer = world.owner.post(CHANNELS, sent)
    assert answer.status_code == 201, answer.json()
    found: dict[str, Any] = answer.json()
    return found


def test_a_channel_is_made_changed_and_deleted(world: World):
    made = on_call(world)
    assert (made["address"], made["shown"], made["from_severity"]) == ("oncall@example.org",) * 2 + ("warning",)
    address = f"{CHANNELS}/{made['id']}"

    changed = world.owner.patch(address, {"address": "night@example.org", "from_severity": "critical"}).json()
    assert (changed["shown"], changed["from_severity"]) == ("night@example.org", "critical")
    assert world.owner.patch(address, {"kind": "slack"}).status_code == 400
    entries = AuditEntry.objects.filter(tenant_ref=str(world.tenant.pk), object_id=made["id"])
    assert list(entries.order_by("id").values_list("action", flat=True)) == ["created", "updated"]
    assert world.owner.delete(address).status_code == 204
    assert not Channel.objects.filter(tenant=world.tenant).exists()


def test_secrets_are_taken_and_not_shown(world: World):
    made = on_call(world, name="Slack", kind="slack", address="", secret=SLACK)
    assert "abcdefgh" not in str(made)
    assert "secret" not in made
    again = world.owner.get(f"{CHANNELS}/{made['id']}")
    assert "abcdefgh" not in again.content.decode()


def test_the_secret_of_a_webhook_is_shown_once(world: World):
    made = on_call(world, name="Hook", kind="webhook", address="https://93.184.216.34/hook")
    assert made["signing_secret"].startswith("whsec_")
    assert world.owner.get(f"{CHANNELS}/{made['id']}").json()["signing_secret"] is None


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"kind": "email", "address": "nobody"}, "address"),
        ({"kind": "slack", "secret": "https://example.org/hook"}, "secret"),
        ({"kind": "pagerduty", "secret": "short"}, "secret"),
        ({"kind": "pigeon"}, "kind"),
    ],
)
def test_what_is_wrong_with_a_channel_is_said_by_field(world: World, sent: dict[str, str], field: str):
    answer = world.owner.post(CHANNELS, {"name": "On call", **sent})
    assert answer.status_code == 400
    assert field in answer.content.decode()


def test_a_test_message_is_sent_and_audited(world: World):
    made = on_call(world)
    with patch.dict("alerting.sending.SENDERS", {"email": lambda *_: Answer(True, None, "")}):
        answer = world.owner.post(f"{CHANNELS}/{made['id']}/test", {})
    assert answer.status_code == 200, answer.json()
    assert (answer.json()["what"], answer.json()["outcome"]) == ("test", "sent")
    entry = AuditEntry.objects.get(tenant_ref=str(world.tenant.pk), object_type="test message")
    assert (entry.object_name, entry.after["to"]) == ("to the channel On call", "oncall@example.org")


def test_an_escalation_is_put_in_order_and_names_own_channels_only(world: World):
    mine = on_call(world)["id"]
    other = Channel.objects.create(tenant=make_tenant(slug="other"), name="Theirs", kind="email", address="a@b.org")
    steps = [{"after_minutes": 30, "channels": [mine]}, {"after_minutes": 10, "channels": [mine]}]
    made = world.owner.post(ESCALATIONS, {"name": "Nobody looks", "steps": steps})
    assert made.status_code == 201, made.json()
    assert [step["after_minutes"] for step in made.json()["steps"]] == [10, 30]

    address = f"{ESCALATIONS}/{made.json()['id']}"
    theirs = [{"after_minutes": 5, "channels": [str(other.pk)]}]
    assert world.owner.patch(address, {"steps": theirs}).status_code == 400
    assert world.owner.patch(address, {"steps": []}).status_code == 400
    assert world.owner.patch(address, {"enabled": False}).json()["enabled"] is False
    assert world.owner.delete(address).status_code == 204
    assert not EscalationPolicy.objects.filter(tenant=world.tenant).exists()


def test_recommended_rules_are_listed_and_added_once(world: World):
    listed = world.owner.get(RECOMMENDED).json()
    assert {"Availability", "Unusual errors"} <= {one["name"] for one in listed}
    assert [one["name"] for one in listed if one["is_objective"]] == ["Availability"]

    added = world.owner.post(RECOMMENDED, {})
    assert added.status_code == 201, added.json()
    names = {one["name"] for one in added.json()}
    assert names == {one["name"] for one in listed}
    assert AlertRule.objects.filter(tenant=world.tenant).count() == len(names)
    entries = AuditEntry.objects.filter(tenant_ref=str(world.tenant.pk), action="created")
    assert names <= set(entries.values_list("object_name", flat=True))
    assert world.owner.get(RECOMMENDED).json() == []
    assert world.owner.post(RECOMMENDED, {}).status_code == 400
    assert world.owner.post(RECOMMENDED, {"tenant_id": str(make_tenant(slug="other").pk)}).status_code == 400
