"""Redis: one server for admission, events, live pages, the cache and Celery; each with its own key prefix."""

from controlplane.settings.env import env

REDIS_URL = env.redis_url

CACHES = {
    "default": {
        "BACKEND": "controlplane.outage_cache.OutageCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
        "TIMEOUT": 300,
    }
}
