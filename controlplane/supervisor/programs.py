"""The command lines of our own processes; the supervisor and ``manage.py web`` start the same ones."""

from __future__ import annotations

import sys
from pathlib import Path

from controlplane.embedded.command import ServerCommand
from controlplane.settings.env import BASE_DIR, Environment

STOP_S = 10
"""How long a web worker gets to finish the calls in flight."""


def web(env: Environment) -> ServerCommand:
    """``WORKERS`` processes on HOST:PORT."""
    env.static_root.mkdir(parents=True, exist_ok=True)
    return _python(
        env,
        *("-m", "controlplane.web", "--host", env.host, "--port", str(env.port)),
        *("--workers", str(env.workers), "--stop-s", str(STOP_S)),
    )


def worker(env: Environment) -> ServerCommand:
    """Celery's workers."""
    return _python(env, *_CELERY, "worker", "--loglevel", env.log_level, "--without-gossip", "--without-mingle")


def beat(env: Environment) -> ServerCommand:
    """Celery's clock: hands out the periodic tasks kept in the database."""
    return _python(env, *_CELERY, "beat", "--loglevel", env.log_level, "--pidfile", "")


def collector(env: Environment) -> ServerCommand:
    """Moves events from Redis Streams to PostgreSQL."""
    return _python(env, str(BASE_DIR / "manage.py"), "collect")


_CELERY = ("-m", "celery", "-A", "controlplane.celery")


def _python(env: Environment, *arguments: str) -> ServerCommand:
    metrics_dir: Path = env.metrics_dir
    metrics_dir.mkdir(parents=True, exist_ok=True)
    return ServerCommand(
        (sys.executable, *arguments),
        # prometheus-client reads it when it is imported, before any setting of ours.
        env={"PROMETHEUS_MULTIPROC_DIR": str(metrics_dir), "PYTHONUNBUFFERED": "1"},
        cwd=str(BASE_DIR),
    )
