"""What people change: rules of what goes wrong costs, and decisions about recommendations."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from insights.models import AdviceDecision, ImpactRule, KeptSavings
from tenants.actor import current_actor
from tenants.changes import delete_row, save_row, with_fields
from tenants.models import Tenant

MOST_RULES: Final = 50
LONGEST_SNOOZE: Final = timedelta(days=366)


def create_impact_rule(*, tenant: Tenant, **fields: Any) -> ImpactRule:
    """A new rule.

    Raises:
        ValidationError: a field is not valid, the tenant has one of this name, or too many.
    """
    if ImpactRule.objects.for_tenant(tenant).count() >= MOST_RULES:
        raise ValidationError(f"At most {MOST_RULES} rules.")
    return save_row(with_fields(ImpactRule(tenant=tenant), fields))


def update_impact_rule(*, rule: ImpactRule, **fields: Any) -> ImpactRule:
    """Change these fields.

    Raises:
        ValidationError: a field is not valid.
    """
    return save_row(with_fields(rule, fields))


def delete_impact_rule(*, rule: ImpactRule) -> None:
    """It counts no more, also not for the past."""
    delete_row(rule)


@transaction.atomic
def decide(*, tenant: Tenant, key: str, title: str, until: datetime | None = None, note: str = "") -> AdviceDecision:
    """Put a recommendation aside: until then, or for good.

    Raises:
        ValidationError: the time is over already, or too far away.
    """
    now = timezone.now()
    if until is not None and not now < until <= now + LONGEST_SNOOZE:
        raise ValidationError({"until": "Choose a time from now on, within a year."})
    row = AdviceDecision.objects.for_tenant(tenant).select_for_update().filter(key=key).first()
    state = AdviceDecision.State.DISMISSED if until is None else AdviceDecision.State.SNOOZED
    row = with_fields(
        row or AdviceDecision(tenant=tenant, key=key),
        {"title": title[:200], "state": state, "until": until, "note": note},
    )
    row.decided_by = current_actor().name
    row = save_row(row)
    count_open_advice(tenant=tenant)
    return row


@transaction.atomic
def take_back(*, tenant: Tenant, key: str) -> None:
    """Show the recommendation again.

    Raises:
        ValidationError: nobody has put it aside.
    """
    row = AdviceDecision.objects.for_tenant(tenant).select_for_update().filter(key=key).first()
    if row is None:
        raise ValidationError("Nobody has put it aside.")
    delete_row(row)
    count_open_advice(tenant=tenant)


@transaction.atomic
def count_open_advice(*, tenant: Tenant) -> None:
    """Of the recommendations that are kept, take those for open that nobody has put aside; there may be none kept."""
    row = KeptSavings.objects.for_tenant(tenant).select_for_update().first()
    if row is None:
        return
    aside = AdviceDecision.objects.for_tenant(tenant).filter(Q(until=None) | Q(until__gt=timezone.now()))
    keys = set(aside.values_list("key", flat=True))
    row.advice = [{**one, "open": one["key"] not in keys} for one in row.advice]
    still = [one for one in row.advice if one["open"]]
    row.open_advice, row.saving_nanousd = len(still), sum(one["saving_nanousd"] or 0 for one in still)
    row.save(update_fields=["advice", "open_advice", "saving_nanousd"])
