"""The look of the admin (django-unfold)."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse_lazy
from django.utils.functional import lazy

from controlplane.settings.env import PRODUCTION, env


def environment_label(_request: HttpRequest) -> list[str]:
    """The badge in the header: operators must see at a glance where they are."""
    return [env.environment, "danger" if env.environment == PRODUCTION else "info"]


def _link_or_empty(name: str) -> str:
    try:
        return str(reverse_lazy(name))
    except NoReverseMatch:
        return ""


_link = lazy(_link_or_empty, str)


def _model(title: str, icon: str, app: str, model: str) -> dict[str, Any]:
    def may_see(request: HttpRequest) -> bool:
        return bool(_link_or_empty(f"admin:{app}_{model}_changelist")) and request.user.has_perm(f"{app}.view_{model}")

    return {"title": title, "icon": icon, "link": _link(f"admin:{app}_{model}_changelist"), "permission": may_see}


UNFOLD = {
    "SITE_TITLE": "Breakwater",
    "SITE_HEADER": "Breakwater",
    "SITE_SUBHEADER": "LLM gateway and control plane",
    "SITE_SYMBOL": "water",
    "SITE_FAVICONS": [
        {"rel": "icon", "sizes": "any", "type": "image/svg+xml", "href": lambda _: static("brand/icon.svg")}
    ],
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "controlplane.settings.admin_site.environment_label",
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "Tenants",
                "separator": True,
                "items": [
                    _model("Tenants", "apartment", "tenants", "tenant"),
                    _model("Teams", "groups", "tenants", "team"),
                    _model("API keys", "key", "tenants", "apikey"),
                    _model("Rate limits", "speed", "tenants", "ratelimit"),
                    _model("Users", "person", "tenants", "user"),
                    _model("Audit log", "history", "tenants", "auditentry"),
                ],
            },
            {
                "title": "Routing",
                "separator": True,
                "items": [
                    _model("Providers", "hub", "routing", "provider"),
                    _model("Models", "neurology", "routing", "model"),
                    _model("Routes", "alt_route", "routing", "route"),
                ],
            },
            {
                "title": "Events",
                "separator": True,
                "items": [
                    _model("Runs", "play_circle", "events", "run"),
                    _model("Events", "stream", "events", "event"),
                    _model("Usage", "receipt_long", "events", "usagerecord"),
                ],
            },
            {
                "title": "Scheduled",
                "separator": True,
                "collapsible": True,
                "items": [
                    _model("Periodic tasks", "schedule", "django_celery_beat", "periodictask"),
                    _model("Intervals", "timer", "django_celery_beat", "intervalschedule"),
                    _model("Crontabs", "event_repeat", "django_celery_beat", "crontabschedule"),
                ],
            },
        ],
    },
}
