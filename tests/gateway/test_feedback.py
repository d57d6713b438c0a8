"""What callers say about kept answers, as far as the data plane sees it."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.ids import new_correlation_id
from contracts.ports import Feedback, FeedbackTaken
from tests.gateway.stand import Stand, json_of


class Taking:
    """Takes whatever it is given."""

    def __init__(self) -> None:
        self.taken: list[Feedback] = []

    async def take(self, feedback: Feedback) -> FeedbackTaken:
        self.taken.append(feedback)
        return FeedbackTaken(route="chat", confidence=0.87, right=0, wrong=1)


async def test_feedback_is_taken_for_the_keys_tenant_and_in_its_name() -> None:
    taker = Taking()
    call = new_correlation_id()
    body = {"correlation_id": call, "cached_answer": "wrong", "comment": "Another city"}
    answer = await Stand(feedback=taker, key={"name": "mobile"}).send("/v1/feedback", body)
    assert answer.status == 200
    assert json_of(answer)["confidence"] == 0.87
    [taken] = taker.taken
    assert (taken.tenant_id, taken.correlation_id, taken.right) == ("tenant-1", call, False)
    assert (taken.actor, taken.comment) == ("key mobile", "Another city")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"cached_answer": "maybe"}, 400),
        ({"comment": "a" * 501}, 400),
        ({"correlation_id": "req_1"}, 404),
        ({"correlation_id": 7}, 400),
    ],
)
async def test_what_is_no_feedback_is_refused(change: dict[str, Any], status: int) -> None:
    body = {"correlation_id": new_correlation_id(), "cached_answer": "right", **change}
    assert (await Stand(feedback=Taking()).send("/v1/feedback", body)).status == status
