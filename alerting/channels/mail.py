"""E-mail: HTML and plain text."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from alerting.channel_rows import Channel, Delivery
from alerting.channels.facts import Facts
from tenants.outgoing import Answer, mail

_COLOURS = {"critical": "#b42318", "warning": "#b54708", "info": "#175cd3"}


def message(facts: Facts, to: str) -> EmailMultiAlternatives:
    """One thread for each incident in mail programs."""
    about = {
        "facts": facts,
        "began": f"{facts.began_at.astimezone(ZoneInfo(facts.time_zone)):%-d %B %Y, %H:%M %Z}",
        "colour": "#067647" if facts.what == "resolved" else _COLOURS[facts.severity],
    }
    told = EmailMultiAlternatives(
        f"[{facts.owner}] {facts.headline}".replace("\n", " "),
        render_to_string("alerting/email/incident.txt", about),
        to=[to],
        headers={"References": f"<{facts.key}@breakwater>", "Auto-Submitted": "auto-generated"},
    )
    told.attach_alternative(render_to_string("alerting/email/incident.html", about), "text/html")
    return told


def send(channel: Channel, _delivery: Delivery, facts: Facts) -> Answer:
    """Through the installation's mail server."""
    return mail(message(facts, channel.address))
