"""What happens by the clock in this app."""

from __future__ import annotations

from typing import Any

from celery import Celery, current_app, shared_task

from tenants.actor import acting_as
from tenants.selectors import key_uses_since, newest_key_use
from tenants.services import touch_keys

NOTE_KEY_USE_EVERY_S = 60.0


@shared_task(name="tenants.note_key_use")  # type: ignore[untyped-decorator]
def note_key_use() -> int:
    """Take from the runs when each key was last used; returns how many keys moved forward."""
    with acting_as("tenants.note_key_use"):
        return touch_keys(used_at=key_uses_since(newest_key_use()))


@current_app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def _schedule(sender: Celery, **_: Any) -> None:
    sender.add_periodic_task(NOTE_KEY_USE_EVERY_S, note_key_use.s(), name="Note when API keys were last used")
