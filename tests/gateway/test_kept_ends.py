from __future__ import annotations

import msgspec
import pytest

from contracts.events import SameEvent
from events.engine.envelope import EnvelopeEncoder
from gateway.kept_ends import KeptEnd, unpacked
from tests.events.builders import completed, context


def test_an_end_that_is_kept_is_the_same_event_whenever_it_is_told():
    end = KeptEnd.of(completed(cost_nanousd=1500, tags={"team": "a"}), context("c1"))
    encoder = EnvelopeEncoder(service_name="breakwater", env="test")

    again = unpacked(end.packed())

    assert again == end
    assert isinstance(again.context, SameEvent)
    first, second = (
        encoder.encode_lines([encoder.envelope(one.payload, one.context, at_ns)])[0]
        for one, at_ns in ((end, 1), (again, 2_000_000_000))
    )
    assert first == second
    assert msgspec.json.decode(first)["event_id"] == end.context.event_id


@pytest.mark.parametrize("said", ["\ud800", 2**70])
def test_what_json_cannot_hold_is_replaced_and_the_rest_kept(said: object):
    end = KeptEnd.of(completed(cost_nanousd=1500, output={"content": said}), context("c1"))

    again = unpacked(end.packed())

    assert again.context == end.context
    assert again.payload.cost_nanousd == 1500
