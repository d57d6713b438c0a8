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


def _shades(hue: float, shades: dict[str, tuple[float, float]]) -> dict[str, str]:
    return {name: f"oklch({light}% {chroma} {hue})" for name, (light, chroma) in shades.items()}


_NEUTRAL = _shades(
    290,
    {
        "50": (98.2, 0.002),
        "100": (96.4, 0.003),
        "200": (92, 0.007),
        "300": (86.5, 0.011),
        "400": (71.5, 0.02),
        "500": (53, 0.021),
        "600": (43.5, 0.021),
        "700": (36, 0.022),
        "800": (27, 0.018),
        "900": (21, 0.013),
        "950": (17.6, 0.009),
    },
)
_BRAND = _shades(
    293,
    {
        "50": (96.9, 0.016),
        "100": (94.3, 0.029),
        "200": (89.4, 0.057),
        "300": (81.1, 0.111),
        "400": (70.2, 0.183),
        "500": (60.6, 0.25),
        "600": (49.1, 0.27),
        "700": (43.2, 0.232),
        "800": (38, 0.189),
        "900": (33, 0.165),
        "950": (28.3, 0.141),
    },
)
"""The colours of static/console/console.css in the admin's scales."""

UNFOLD = {
    "COLORS": {"base": _NEUTRAL, "primary": _BRAND},
    "SITE_TITLE": "Breakwater",
    "SITE_HEADER": "Breakwater",
    "SITE_SUBHEADER": "LLM gateway and control plane",
    "SITE_ICON": lambda _: static("brand/icon.svg"),
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
                    _model("Service keys", "smart_toy", "tenants", "servicekey"),
                    _model("Secrets", "lock", "tenants", "storedsecret"),
                    _model("Rate limits", "speed", "tenants", "ratelimit"),
                    _model("Budgets", "savings", "tenants", "budget"),
                    _model("Users", "person", "tenants", "user"),
                    _model("Invitations", "mail", "tenants", "invitation"),
                    _model("Groups", "badge", "auth", "group"),
                    _model("Audit log", "history", "tenants", "auditentry"),
                ],
            },
            {
                "title": "Routing",
                "separator": True,
                "items": [
                    _model("Providers", "hub", "routing", "provider"),
                    _model("Models", "neurology", "routing", "model"),
                    _model("Prices", "sell", "routing", "modelprice"),
                    _model("Routes", "alt_route", "routing", "route"),
                    _model("Guardrail policies", "shield", "guardrails", "policy"),
                ],
            },
            {
                "title": "Documents",
                "separator": True,
                "items": [
                    _model("Collections", "library_books", "rag", "collection"),
                    _model("Documents", "description", "rag", "document"),
                    _model("Ingests", "upload_file", "rag", "ingest"),
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
