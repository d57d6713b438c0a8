"""Takes down feedback for the data plane, which only knows the port."""

from __future__ import annotations

import logging
import uuid
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import close_old_connections

from contracts.errors import RunNotFound, ServiceUnavailable
from contracts.ports import Feedback, FeedbackTaken
from routing.answer_judging import judge_answer
from tenants.actor import acting_as
from tenants.models import Tenant

log = logging.getLogger(__name__)


class DjangoFeedbackTaker:
    """Writes through Django on a thread of its own, one after the other."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="feedback")

    async def take(self, feedback: Feedback) -> FeedbackTaken:
        """Take it down.

        Raises:
            RunNotFound: the tenant has no such call.
            InvalidRequest: no kept answer to a question in other words served it.
            ServiceUnavailable: PostgreSQL cannot be asked.
        """
        try:
            return await sync_to_async(_take, thread_sensitive=False, executor=self._thread)(feedback)
        except DatabaseError as error:
            log.warning("Feedback could not be taken: %s", error)
            raise ServiceUnavailable("Feedback cannot be taken at the moment. Try again shortly.") from error

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _take(feedback: Feedback) -> FeedbackTaken:
    close_old_connections()
    try:
        tenant = Tenant.objects.filter(pk=uuid.UUID(feedback.tenant_id)).first()
        if tenant is None:
            raise RunNotFound("There is no run with this correlation id.")
        with acting_as(feedback.actor):
            row = judge_answer(
                tenant=tenant,
                correlation_id=feedback.correlation_id,
                right=feedback.right,
                comment=feedback.comment,
            )
        return FeedbackTaken(route=row.route.name, confidence=row.confidence, right=row.right, wrong=row.wrong)
    finally:
        close_old_connections()
