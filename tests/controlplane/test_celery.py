"""The wiring between requests, tasks and logs."""

from __future__ import annotations

from typing import Any

import structlog
from celery.signals import before_task_publish, task_postrun, task_prerun

from controlplane.celery import app


@app.task(name="tests.controlplane.seen")
def seen() -> dict[str, Any]:
    return dict(structlog.contextvars.get_contextvars())


class _Request:
    def __init__(self, headers: dict[str, str] | None) -> None:
        self.headers = headers


class _Task:
    name = "a.task"

    def __init__(self, headers: dict[str, str] | None) -> None:
        self.request = _Request(headers)


def _bound_while_running(task: _Task) -> dict[str, Any]:
    task_prerun.send(sender=task, task_id="t1", task=task)
    try:
        return dict(structlog.contextvars.get_contextvars())
    finally:
        task_postrun.send(sender=task, task_id="t1", task=task)


def test_a_task_logs_under_the_id_of_the_request_that_asked_for_it() -> None:
    headers: dict[str, str] = {}
    with structlog.contextvars.bound_contextvars(correlation_id="req_1"):
        before_task_publish.send(sender="a.task", headers=headers)
    assert _bound_while_running(_Task(headers))["correlation_id"] == "req_1"


def test_a_task_of_the_clock_logs_under_its_own_id() -> None:
    headers: dict[str, str] = {}
    before_task_publish.send(sender="a.task", headers=headers)
    assert headers == {}
    assert _bound_while_running(_Task(None))["correlation_id"] == "t1"
    assert "correlation_id" not in structlog.contextvars.get_contextvars()


def test_tasks_run_at_once_in_tests() -> None:
    assert seen.delay().get()["task"] == "tests.controlplane.seen"
