"""What the project consists of: apps, middleware, templates."""

import sys

from controlplane.settings.env import BASE_DIR

INSTALLED_APPS = [
    # Before staticfiles: its runserver speaks ASGI. Elsewhere it would only cost every process 25 MB and half a second.
    *(["daphne"] if "runserver" in sys.argv else []),
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.inlines",
    "unfold.contrib.guardian",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    # A page of django-allauth tells times with it.
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "channels",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_htmx",
    "guardian",
    "controlplane",
    "events",
    "console",
    "tenants",
    "routing",
    "guardrails",
    "gateway",
    "rag",
    "evaluation",
    "alerting",
    "insights",
    "reports",
]
MIDDLEWARE = [
    "controlplane.middleware.correlation.CorrelationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "controlplane.middleware.content_policy.ContentPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenants.signing_in.sessions.session_middleware",
    "tenants.middleware.actor_middleware",
    "tenants.middleware.operators_admin_middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "tenants.signing_in.second_factor.second_factor_middleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "console.middleware.time_zone_middleware",
]
ROOT_URLCONF = "controlplane.urls"
ASGI_APPLICATION = "controlplane.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "console.shell.shell",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
USE_I18N = True
FORMAT_MODULE_PATH = ["controlplane.formats"]
USE_TZ = True
FILTERS_EMPTY_CHOICE_LABEL = "Any"
TIME_ZONE = "UTC"
