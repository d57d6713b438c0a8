"""PagerDuty: the Events API, version 2. One key per incident, so that PagerDuty has one incident as well."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from django.conf import settings

from alerting.channel_rows import Channel, Delivery
from alerting.channels.facts import Facts
from tenants.outgoing import Answer, post, read_secret

_ACTIONS: Final = {
    "opened": "trigger",
    "escalated": "trigger",
    "test": "trigger",
    "acknowledged": "acknowledge",
    "resolved": "resolve",
}
_LONGEST_SUMMARY: Final = 1_024
_LONGEST_KEY: Final = 255


def event(facts: Facts, routing_key: str) -> dict[str, Any]:
    """What the Events API takes."""
    action = _ACTIONS[facts.what]
    told: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": facts.key[:_LONGEST_KEY],
    }
    if action != "trigger":
        return told
    told["client"] = "Breakwater"
    told["payload"] = {
        "summary": f"{facts.owner}: {facts.title}"[:_LONGEST_SUMMARY],
        "source": facts.owner,
        "severity": facts.severity,
        "timestamp": facts.began_at.isoformat(),
        "component": "llm-gateway",
        "custom_details": {"alerts": list(facts.summaries), "advice": facts.advice},
    }
    if facts.link:
        told["client_url"] = facts.link
        told["links"] = [{"href": facts.link, "text": "Open the incident"}]
    return told


def send(channel: Channel, _delivery: Delivery, facts: Facts) -> Answer:
    """Of a test nothing stays open: it is resolved at once."""
    assert channel.secret is not None
    key, problem = read_secret(channel.secret)
    if problem:
        return Answer(False, None, problem)
    told = event(facts, key.reveal())
    answer = post(settings.PAGERDUTY_EVENTS_URL, msgspec.json.encode(told))
    if answer.taken and facts.what == "test":
        closing = {name: told[name] for name in ("routing_key", "dedup_key")} | {"event_action": "resolve"}
        post(settings.PAGERDUTY_EVENTS_URL, msgspec.json.encode(closing))
    return answer
