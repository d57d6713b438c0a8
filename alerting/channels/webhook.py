"""A program of one's own: JSON, signed with a shared secret over the time and the body."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any, Final

import msgspec

from alerting.channel_rows import Channel, Delivery
from alerting.channels.facts import Facts
from tenants.outgoing import Answer, post, read_secret

SIGNATURE: Final = "Breakwater-Signature"
DELIVERY: Final = "Breakwater-Delivery"


def body(facts: Facts) -> dict[str, Any]:
    """What is posted."""
    return {
        "type": f"incident.{facts.what}",
        "incident": {
            "id": facts.incident_id,
            "title": facts.title,
            "severity": facts.severity,
            "state": facts.state,
            "tenant_id": facts.tenant_id or None,
            "owner": facts.owner,
            "began_at": facts.began_at.isoformat(),
            "alerts": list(facts.summaries),
            "advice": facts.advice,
            "url": facts.link or None,
        },
        "by": facts.by or None,
    }


def signature(secret: str, timestamp: int, content: bytes) -> str:
    """The header's value: ``t=<Unix seconds>,v1=<hex>``, an HMAC-SHA256 over ``<Unix seconds>.<body>``."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + content, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def send(channel: Channel, delivery: Delivery, facts: Facts) -> Answer:
    """Signed; a message that comes again has the same delivery id."""
    assert channel.secret is not None
    secret, problem = read_secret(channel.secret)
    if problem:
        return Answer(False, None, problem)
    content = msgspec.json.encode(body(facts))
    headers = {SIGNATURE: signature(secret.reveal(), int(time.time()), content), DELIVERY: str(delivery.pk)}
    return post(channel.address, content, headers, public_only=channel.tenant_id is not None)
