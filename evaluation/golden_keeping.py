"""How one end user is taken out of golden sets: items that were made of their calls, and what runs said of these.

An item stays as a tombstone, so that versions and runs keep their places: without texts, tags and its key, which is
made from the question. Scores and figures of its answers stay, and with them what runs found.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from evaluation.models import EvalRun, GoldenItem, GoldenUpload, ItemResult, JudgeAnswer, Label, RunItem, Score
from evaluation.uploads import drop_untaken
from events.retention import PSEUDONYM_PREFIX, drop_payloads_of_calls
from events.selectors import runs_of_tenant

BATCH: Final = 500
ERASED: Final = "Erased with the end user."
_EMPTY: Final[dict[str, Any]] = {"input": "", "expected": "", "context": [], "rubric": "", "tags": [], "digest": ""}


class GoldenKeeping:
    """:class:`tenants.kept_data.KeptData` of golden sets. People keep these for as long as they like."""

    def drop_payloads(self, _tenant_id: uuid.UUID, _before: datetime) -> int:
        """Nothing: what was put into a set was put there to stay."""
        return 0

    def purge(self, tenant_id: uuid.UUID, _before: datetime) -> int:
        """Uploads that nobody took within a day; items stay, for the same reason."""
        return drop_untaken(tenant_id)

    def erase_user(self, tenant_id: uuid.UUID, end_user: str, pseudonym: str, until: datetime) -> int:
        """Texts of the items that were made of their calls, in all versions and in uploads that nobody has taken yet,
        and of whatever runs made of these.
        """
        mine = Q(end_user=end_user, called_at__lte=until) | Q(source__in=_calls_of(tenant_id, pseudonym, until))
        erased, keys = 0, _Keys()
        while rows := list(_items(tenant_id).filter(mine, erased_at=None).values_list("pk", "key")[:BATCH]):
            with transaction.atomic():
                _erase_runs(tenant_id, [pk for pk, _ in rows])
                _erase_uploads(tenant_id, {key for _, key in rows})
                erased += _erase_items(tenant_id, rows, keys, pseudonym)
        return erased

    def end_users_until(self, tenant_id: uuid.UUID, until: datetime) -> set[str]:
        """Those of whose calls items were made."""
        rows = _items(tenant_id).filter(called_at__lte=until).exclude(end_user="")
        names = rows.exclude(end_user__startswith=PSEUDONYM_PREFIX).order_by().values_list("end_user", flat=True)
        return set(names.distinct())


def _items(tenant_id: uuid.UUID) -> QuerySet[GoldenItem]:
    rows: QuerySet[GoldenItem] = GoldenItem.objects.for_tenant(tenant_id)
    return rows


def _calls_of(tenant_id: uuid.UUID, pseudonym: str, until: datetime) -> QuerySet[Any]:
    """Calls of which the pseudonym is known by now: items of earlier releases have the call's id alone."""
    return runs_of_tenant(str(tenant_id)).filter(end_user=pseudonym, started_at__lte=until).values("correlation_id")


class _Keys(dict[str, str]):
    """Each key becomes one that says nothing, the same in all versions."""

    def __missing__(self, key: str) -> str:
        self[key] = f"erased-{uuid.uuid4().hex[:16]}"
        return self[key]


def _erase_items(tenant_id: uuid.UUID, rows: Sequence[tuple[uuid.UUID, str]], keys: _Keys, pseudonym: str) -> int:
    changed = 0
    for pk, key in rows:
        values = {**_EMPTY, "key": keys[key], "end_user": pseudonym, "source": "", "erased_at": timezone.now()}
        changed += _items(tenant_id).filter(pk=pk).update(**values)
    return changed


def _erase_uploads(tenant_id: uuid.UUID, keys: set[str]) -> None:
    """Also because an upload that is taken later would bring the texts back, as items of nobody."""
    for upload in GoldenUpload.objects.for_tenant(tenant_id).select_for_update():
        left = [item for item in upload.items if item["key"] not in keys]
        if len(left) < len(upload.items):
            upload.items = left
            upload.save(update_fields=["items"])


def _erase_runs(tenant_id: uuid.UUID, items: Sequence[uuid.UUID]) -> None:
    """What was answered to them and said about that; what is still to be asked is not asked any more."""
    run_items = RunItem.objects.for_tenant(tenant_id).filter(item__in=items)
    results = ItemResult.objects.for_tenant(tenant_id).filter(run_item__in=run_items)
    judged = JudgeAnswer.objects.for_tenant(tenant_id).filter(result__in=results)
    calls = {*results.values_list("correlation_id", flat=True), *judged.values_list("correlation_id", flat=True)}
    drop_payloads_of_calls(str(tenant_id), sorted(calls - {""}))
    judged.update(text="")
    Score.objects.for_tenant(tenant_id).filter(result__in=results).update(why="")
    Label.objects.for_tenant(tenant_id).filter(result__in=results).update(comment="")
    results.exclude(error="").update(error=ERASED)
    results.update(answer="")
    run_items.update(needs_label=False)
    _not_asked(tenant_id, run_items.exclude(state=RunItem.State.DONE))


def _not_asked(tenant_id: uuid.UUID, waiting: QuerySet[RunItem]) -> None:
    of_runs = waiting.order_by().values("run").annotate(number=Count("pk"))
    for one in list(of_runs):
        EvalRun.objects.for_tenant(tenant_id).filter(pk=one["run"]).update(total=F("total") - one["number"])
    waiting.delete()
