"""Mail: SMTP where EMAIL_URL says so, else files below VAR_DIR for a person to read. And where Slack is."""

from urllib.parse import parse_qs, unquote, urlsplit

from controlplane.settings.env import env

_parts = urlsplit(env.email_url)
_query = parse_qs(_parts.query)

DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.email_from
EMAIL_FILE_PATH = env.layout.var_dir / "mail"
EMAIL_TIMEOUT = 10
if env.email_url:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = _parts.hostname or "localhost"
    EMAIL_HOST_USER = unquote(_parts.username or "")
    EMAIL_HOST_PASSWORD = unquote(_parts.password or "")
    EMAIL_USE_SSL = _parts.scheme == "smtps"
    # smtp:// upgrades the connection unless the address says ?tls=0, for a server on the same machine.
    EMAIL_USE_TLS = not EMAIL_USE_SSL and _query.get("tls", ["1"]) != ["0"]
    EMAIL_PORT = _parts.port or (465 if EMAIL_USE_SSL else 587)
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"

SLACK_WEBHOOK_ORIGINS: tuple[str, ...] = ("https://hooks.slack.com", "https://hooks.slack-gov.com")
"""Where incoming webhooks may be: tenants name them, and the platform calls them."""
PAGERDUTY_EVENTS_URL = "https://events.pagerduty.com/v2/enqueue"
"""Where PagerDuty takes events (version 2)."""
