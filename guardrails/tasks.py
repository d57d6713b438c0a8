"""What this app does in the background."""

from __future__ import annotations

import uuid

from celery import shared_task

from guardrails.dry_runs import work_off


@shared_task(name="guardrails.dry_run")  # type: ignore[untyped-decorator]
def dry_run(dry_run_id: str) -> None:
    """Try a draft on stored calls as somebody asked for; how far it is stands in the request's row."""
    work_off(uuid.UUID(dry_run_id))
