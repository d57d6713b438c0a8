"""PostgreSQL."""

from typing import Any

import psycopg.conninfo
from django.core.exceptions import ImproperlyConfigured

from controlplane.settings.env import env

DATABASE_URL = env.database_url


def database_from_url(url: str, pool_size: int) -> dict[str, Any]:
    """Django's ``DATABASES`` entry for a libpq connection URI, whose parameters (sslmode ...) are all honoured.

    With a pool, each process holds at most ``pool_size`` connections however many threads serve requests, and
    every connection is tried before it is handed out, so a restart of PostgreSQL heals by itself.
    Without one, a connection lives as long as a request or a task.

    Raises:
        ImproperlyConfigured: libpq cannot read the address. The message does not repeat it.
    """
    try:
        parameters = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read: expected postgresql://user:password@host:5432/name."
        ) from None
    main = {
        "NAME": str(parameters.pop("dbname", "") or "breakwater"),
        "USER": str(parameters.pop("user", "") or ""),
        "PASSWORD": str(parameters.pop("password", "") or ""),
        "HOST": str(parameters.pop("host", "") or ""),
        "PORT": str(parameters.pop("port", "") or ""),
    }
    options: dict[str, Any] = {
        "connect_timeout": 5,
        # A server that vanished without a word must not hold a thread until the kernel gives up after many minutes.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        "application_name": env.service_name,
        **parameters,
        # Compiling a page's queries takes longer than they do; the planner takes partitions for much more work.
        "options": f"-c jit=off {parameters.get('options') or ''}".strip(),
    }
    if pool_size:
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 5, "max_idle": 300}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **main,
        "OPTIONS": options,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES = {"default": database_from_url(DATABASE_URL, env.database_pool_size)}
