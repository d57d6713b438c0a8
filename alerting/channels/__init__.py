"""How each kind of channel is told: one file a kind, with what it makes of the facts and how it hands that over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from alerting.channel_rows import Channel, Delivery
from alerting.channels import mail, pagerduty, slack, webhook
from alerting.channels.facts import Facts
from tenants.outgoing import Answer

Send = Callable[[Channel, Delivery, Facts], Answer]
SENDERS: Final[Mapping[str, Send]] = {
    Channel.Kind.EMAIL.value: mail.send,
    Channel.Kind.SLACK.value: slack.send,
    Channel.Kind.PAGERDUTY.value: pagerduty.send,
    Channel.Kind.WEBHOOK.value: webhook.send,
}
"""Kind → who hands a message over."""
