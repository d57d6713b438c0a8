"""How long samples stay, and how one end user is taken out of them."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from evaluation.models import LiveLoss, LiveSample, LiveScore, PromptMinute
from events.retention import PSEUDONYM_PREFIX

BATCH: Final = 2_000
PROMPTS_KEPT: Final = timedelta(days=9)
"""Sums of prompts are compared with those of a week before."""
FEW_PROMPTS: Final = 5
"""A sum of fewer may say something about one of them."""
_SAID: Final[dict[str, Any]] = dict.fromkeys(("input_text", "output_text", "input_embedding", "output_embedding"))
_TAGGED: Final = "jsonb_path_exists(tags, '$.* ? (@ == $v)', jsonb_build_object('v', %s::text))"
_SAYS: Final = Q(*((f"{name}__isnull", False) for name in _SAID), _connector=Q.OR)


class SampleKeeping:
    """:class:`tenants.kept_data.KeptData` of live evaluation."""

    def drop_payloads(self, tenant_id: uuid.UUID, before: datetime) -> int:
        """Texts, embeddings and sums of these, and why scores are what they are; figures and scores stay."""
        oldest = max(before, timezone.now() - PROMPTS_KEPT)
        PromptMinute.objects.for_tenant(tenant_id).filter(start__lt=oldest).delete()
        rows = LiveSample.objects.for_tenant(tenant_id).filter(_SAYS, at__lt=before)
        dropped = 0
        while ids := list(rows.values_list("pk", flat=True)[:BATCH]):
            dropped += LiveSample.objects.for_tenant(tenant_id).filter(pk__in=ids).update(**_SAID)
        scores = LiveScore.objects.for_tenant(tenant_id).filter(at__lt=before).exclude(why="")
        while quoting := list(scores.values_list("pk", flat=True)[:BATCH]):
            LiveScore.objects.for_tenant(tenant_id).filter(pk__in=quoting).update(why="")
        return dropped

    def purge(self, tenant_id: uuid.UUID, before: datetime) -> int:
        """Samples with their scores."""
        LiveLoss.objects.for_tenant(tenant_id).filter(hour__lt=before).delete()
        rows = LiveSample.objects.for_tenant(tenant_id).filter(at__lt=before)
        purged = 0
        while ids := list(rows.values_list("pk", flat=True)[:BATCH]):
            LiveSample.objects.for_tenant(tenant_id).filter(pk__in=ids).delete()
            purged += len(ids)
        return purged

    def erase_user(self, tenant_id: uuid.UUID, end_user: str, pseudonym: str, until: datetime) -> int:
        """Their texts and embeddings go; where the id is a whole tag, the pseudonym stands in its place as well.

        Sums of prompts do not say whose these are: those of few prompts go, whoever asked.
        """
        few = PromptMinute.objects.for_tenant(tenant_id).filter(start__lte=until, prompts__lt=FEW_PROMPTS)
        few.delete()
        rows = LiveSample.objects.for_tenant(tenant_id).filter(at__lte=until)
        with transaction.atomic():
            theirs = list(rows.filter(end_user=end_user).values_list("pk", flat=True))
            LiveScore.objects.for_tenant(tenant_id).filter(sample__in=theirs).update(why="")
            changed = rows.filter(pk__in=theirs).update(end_user=pseudonym, **_SAID)
            for sample in rows.extra(where=[_TAGGED], params=[end_user]).select_for_update():  # noqa: S610 - a constant
                tags = {name: pseudonym if value == end_user else value for name, value in sample.tags.items()}
                if tags != sample.tags:
                    rows.filter(pk=sample.pk).update(tags=tags)
        return int(changed)

    def end_users_until(self, tenant_id: uuid.UUID, until: datetime) -> set[str]:
        """Those of samples, without those that were erased."""
        rows = LiveSample.objects.for_tenant(tenant_id).filter(at__lte=until, end_user__isnull=False)
        names = rows.exclude(end_user__startswith=PSEUDONYM_PREFIX).order_by().values_list("end_user", flat=True)
        return set(names.distinct())
