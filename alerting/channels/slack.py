"""Slack: an incoming webhook takes Block Kit."""

from __future__ import annotations

from typing import Any, Final

from alerting.channel_rows import Channel, Delivery
from alerting.channels.facts import Facts
from tenants.outgoing import Answer
from tenants.slack import plain, post_to

_MARKS: Final = {"critical": ":red_circle:", "warning": ":large_orange_circle:", "info": ":large_blue_circle:"}
_HEADER: Final = 150
"""Slack refuses longer headers, and sections above 3,000 characters."""
_SECTION: Final = 2_900


def message(facts: Facts) -> dict[str, Any]:
    """The blocks, with the headline as the text of notifications."""
    over = facts.what == "resolved"
    mark = ":large_green_circle:" if over else _MARKS[facts.severity]
    lines = [plain(line) for line in facts.summaries[:5]]
    if facts.follow_up:
        lines.insert(0, f"*{plain(facts.follow_up)}*")
    if facts.advice and not over:
        lines.append(f"> {plain(facts.advice)}")
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": facts.headline[:_HEADER], "emoji": True}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)[:_SECTION] or plain(facts.title)}},
    ]
    if facts.link:
        button: dict[str, Any] = {
            "type": "button",
            "text": {"type": "plain_text", "text": "Open the incident"},
            "url": facts.link,
        }
        if facts.severity == "critical" and not over:
            button["style"] = "danger"
        blocks.append({"type": "actions", "elements": [button]})
    when = (
        f"<!date^{int(facts.began_at.timestamp())}^{{date_short_pretty}} {{time}}^{facts.began_at:%Y-%m-%d %H:%M} UTC>"
    )
    context = f"{mark} {plain(facts.owner)} · since {when}"
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": context}]})
    return {"text": facts.headline, "blocks": blocks}


def send(channel: Channel, _delivery: Delivery, facts: Facts) -> Answer:
    """To the webhook whose URL is the channel's secret."""
    assert channel.secret is not None
    return post_to(channel.secret, message(facts))
