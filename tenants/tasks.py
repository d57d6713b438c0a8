"""What happens by the clock in this app."""

from __future__ import annotations

import uuid
from typing import Any

from celery import Celery, current_app, shared_task
from celery.schedules import crontab

from tenants.actor import acting_as
from tenants.audit_log import verify_and_tell
from tenants.data_protection import apply_all_retention
from tenants.erasures import work_off
from tenants.notifying import tell_channel, tell_crossings
from tenants.offboarding import Keep, erase_calls
from tenants.rest.idempotency import delete_expired
from tenants.selectors import key_uses_since, newest_key_use
from tenants.services import touch_keys

NOTE_KEY_USE_EVERY_S = 60.0
TELL_CROSSINGS_EVERY_S = 20.0
FORGET_ANSWERS_EVERY_S = 3600.0


@shared_task(name="tenants.note_key_use")  # type: ignore[untyped-decorator]
def note_key_use() -> int:
    """Take from the runs when each key was last used; returns how many keys moved forward."""
    with acting_as("tenants.note_key_use"):
        return touch_keys(used_at=key_uses_since(newest_key_use()))


@shared_task(name="tenants.verify_audit_log")  # type: ignore[untyped-decorator]
def verify_audit_log() -> int:
    """Check the audit log's chain and sign its end; returns how many places do not hold."""
    with acting_as("tenants.verify_audit_log"):
        return len(verify_and_tell().problems)


@shared_task(name="tenants.forget_answers")  # type: ignore[untyped-decorator]
def forget_answers() -> int:
    """Delete answers kept for idempotency keys whose time is over; returns how many."""
    return delete_expired()


@shared_task(name="tenants.apply_retention")  # type: ignore[untyped-decorator]
def apply_retention() -> int:
    """Delete what is past its tenant's retention, and what arrived late of erased end users."""
    with acting_as("tenants.apply_retention"):
        return apply_all_retention()


@shared_task(name="tenants.erase_removed_tenant")  # type: ignore[untyped-decorator]
def erase_removed_tenant(tenant_id: str, slug: str, keep: str) -> int:
    """Erase the calls of a tenant that was deleted; returns how many rows went."""
    with acting_as("tenants.erase_removed_tenant"):
        removed = erase_calls(tenant_id=uuid.UUID(tenant_id), slug=slug, keep=Keep(keep))
    return removed.events + removed.runs + removed.usage_records


@shared_task(name="tenants.erase_end_user")  # type: ignore[untyped-decorator]
def erase_end_user(erasure_id: str) -> None:
    """Erase an end user as somebody asked for; how far it is stands in the request's row."""
    work_off(uuid.UUID(erasure_id))


@shared_task(name="tenants.tell_budget_crossings")  # type: ignore[untyped-decorator]
def tell_budget_crossings() -> int:
    """Send mail about budgets that have crossed a threshold; returns how many mails went out."""
    return tell_crossings()


@shared_task(name="tenants.tell_channel_of_budgets")  # type: ignore[untyped-decorator]
def tell_channel_of_budgets(address_id: str) -> int:
    """Send to a channel in Slack what it has not been told; returns how many messages went out."""
    return tell_channel(uuid.UUID(address_id))


@current_app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def _schedule(sender: Celery, **_: Any) -> None:
    sender.add_periodic_task(NOTE_KEY_USE_EVERY_S, note_key_use.s(), name="Note when API keys were last used")
    sender.add_periodic_task(TELL_CROSSINGS_EVERY_S, tell_budget_crossings.s(), name="Tell of budgets by mail")
    sender.add_periodic_task(FORGET_ANSWERS_EVERY_S, forget_answers.s(), name="Forget answers of old requests")
    sender.add_periodic_task(crontab(hour=2, minute=40), verify_audit_log.s(), name="Check and sign the audit log")
    sender.add_periodic_task(crontab(hour=3, minute=10), apply_retention.s(), name="Apply each tenant's retention")
