"""Celery: names are Celery's own with the prefix CELERY_."""

from urllib.parse import parse_qs, unquote, urlsplit

from controlplane.settings.env import env
from controlplane.settings.redis import REDIS_URL


def broker_url(redis_url: str) -> str:
    """The same Redis in kombu's notation, which writes unix sockets as ``redis+socket://``."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{unquote(parts.path)}?virtual_host={database}"


CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "celery:",
    # A task is handed out again only after the longest task may run: shorter would run it twice at once.
    "visibility_timeout": env.celery_task_time_limit_s * 2,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = env.celery_task_time_limit_s
CELERY_TASK_SOFT_TIME_LIMIT = env.celery_task_time_limit_s - 5
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1_000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CONCURRENCY = env.celery_concurrency
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
