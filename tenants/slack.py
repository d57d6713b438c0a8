"""Messages to Slack through an incoming webhook, whose URL is a secret: it is stored encrypted, and never logged."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from django.conf import settings
from django.core.exceptions import ValidationError

from tenants import outgoing
from tenants.notifications import NotificationAddress
from tenants.outgoing import MAX_URL_LENGTH, Answer, read_secret
from tenants.secret_store import StoredSecret

logger = logging.getLogger(__name__)

_LONGEST_TEXT: Final = 2_900
"""Slack refuses a section with more than 3,000 characters."""


def checked_url(text: str) -> str:
    """The webhook's URL.

    Raises:
        ValidationError: it is not one of Slack's; the message does not repeat it.
    """
    url = text.strip()
    try:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        origin = ""
    # Anything else would let tenants make the platform call addresses that only it can reach.
    if origin not in settings.SLACK_WEBHOOK_ORIGINS or len(url) > MAX_URL_LENGTH or not url.isprintable():
        allowed = " or ".join(settings.SLACK_WEBHOOK_ORIGINS)
        raise ValidationError({"webhook": f"Paste the URL of an incoming webhook: it begins with {allowed}."})
    if len(parts.path.strip("/")) < 8:
        raise ValidationError({"webhook": "The URL is not complete: copy all of it."})
    return url


def masked(url: str) -> str:
    """What may be shown of it."""
    return f"{urlsplit(url).netloc}/••••{url[-4:]}"


def post(address: NotificationAddress, message: Mapping[str, Any]) -> bool:
    """Whether Slack took the message. Takes at most about :data:`TIMEOUT_S`."""
    assert address.webhook is not None
    answer = post_to(address.webhook, message)
    if not answer.taken:
        logger.error("Slack did not take the notice for %s: %s", address, answer.error)
    return answer.taken


def post_to(webhook: StoredSecret, message: Mapping[str, Any]) -> Answer:
    """Post the message to the incoming webhook whose URL the secret holds."""
    url, problem = read_secret(webhook)
    if problem:
        return Answer(False, None, problem)
    return outgoing.post(url.reveal(), msgspec.json.encode(dict(message)))


def budget_message(about: Mapping[str, Any], subject: str) -> dict[str, Any]:
    """The notice as blocks, with a button to the budget; ``about`` is what the mail's template gets."""
    lines = [f"*{plain(subject)}*", f"{about['spent']} of {about['limit']} is spent, by {plain(about['subject'])}."]
    lines.append(_consequence(about))
    when = f"{plain(about['tenant'].name)}, {about['at']}"
    button = {
        "type": "button",
        "text": {"type": "plain_text", "text": "Open the budget"},
        "url": about["link"],
        "style": "danger" if about["used_up"] else "primary",
    }
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)[:_LONGEST_TEXT]}},
        {"type": "actions", "elements": [button]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": when}]},
    ]
    # Without PUBLIC_URL nobody knows where the pages are, and Slack refuses half an address.
    return {
        "text": subject,
        "blocks": [one for one in blocks if about["link"].startswith("http") or one["type"] != "actions"],
    }


def _consequence(about: Mapping[str, Any]) -> str:
    now = {"block": "Calls are refused", "degrade": "Calls make do with less"}.get(about["action"], "Calls go on")
    if not about["used_up"]:
        return f"At 100%: {now[0].lower()}{now[1:]}."
    return f"{now} until {about['ends']}." if about["ends"] else f"{now}."


def plain(text: str) -> str:
    """Without what Slack would take for markup."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
