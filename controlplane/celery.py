"""The Celery application: ``celery -A controlplane worker`` and ``beat``."""

from __future__ import annotations

import os
from typing import Any

import structlog
from celery import Celery
from celery.signals import (
    beat_init,
    before_task_publish,
    heartbeat_sent,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_shutdown,
)

from controlplane import processes_seen

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

# Not "correlation_id": that is the message's own, which Celery sets to the task's id.
_HEADER = "request_correlation_id"

app = Celery("breakwater")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

_beat = processes_seen.Beat()
beat_init.connect(_beat.began, weak=False)
before_task_publish.connect(_beat.ticked, weak=False)
heartbeat_sent.connect(processes_seen.worker_beat, weak=False)
worker_shutdown.connect(processes_seen.worker_gone, weak=False)


@setup_logging.connect  # type: ignore[untyped-decorator] # Celery has no annotations
def _keep_our_logging(**_kwargs: Any) -> None:
    """Celery leaves logging alone when this signal has a receiver; Django's set-up has configured it."""


@before_task_publish.connect  # type: ignore[untyped-decorator] # Celery has no annotations
def _pass_correlation_on(headers: dict[str, Any], **_kwargs: Any) -> None:
    """A task's log lines carry the id of the request that asked for it."""
    bound = structlog.contextvars.get_contextvars().get("correlation_id")
    if bound:
        headers.setdefault(_HEADER, bound)


@task_prerun.connect  # type: ignore[untyped-decorator] # Celery has no annotations
def _bind_task(task_id: str, task: Any, **_kwargs: Any) -> None:
    headers = getattr(task.request, "headers", None) or {}
    structlog.contextvars.bind_contextvars(
        task=task.name, task_id=task_id, correlation_id=headers.get(_HEADER) or task_id
    )


@task_postrun.connect  # type: ignore[untyped-decorator] # Celery has no annotations
def _unbind_task(**_kwargs: Any) -> None:
    structlog.contextvars.unbind_contextvars("task", "task_id", "correlation_id")
