from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidRequest
from events.live.groups import PLATFORM_GROUP, group_of
from events.live.subscriptions import (
    ClientMessage,
    Subscriptions,
    event_message,
    further_message,
    head_of,
    parse_message,
)
from tests.events.builders import completed, context, line, started


def test_nothing_is_wanted_before_subscribing():
    assert not Subscriptions().want("llm.request.started", "c1")


def test_each_kind_of_subscription_selects_its_events():
    subscriptions = Subscriptions()
    subscriptions.add(ClientMessage(type="subscribe", correlation_id="c1"))
    subscriptions.add(ClientMessage(type="subscribe", event_types=["router.*", "breaker.state.changed"]))
    assert subscriptions.want("llm.request.started", "c1")
    assert subscriptions.want("router.decision.made", "c2")
    assert subscriptions.want("breaker.state.changed", "")
    assert not subscriptions.want("llm.request.started", "c2")
    subscriptions.remove(ClientMessage(type="unsubscribe", event_types=["router.*"]))
    assert not subscriptions.want("router.decision.made", "c2")
    subscriptions.add(ClientMessage(type="subscribe", all=True))
    assert subscriptions.want("llm.request.started", "c2")
    subscriptions.remove(ClientMessage(type="unsubscribe", all=True))
    assert subscriptions.count() == 0


def test_subscriptions_are_bounded():
    subscriptions = Subscriptions()
    with pytest.raises(InvalidRequest):
        subscriptions.add(ClientMessage(type="subscribe", event_types=[f"t{number}" for number in range(101)]))


@pytest.mark.parametrize(
    "text",
    [None, "", "[]", "{}", '{"type":"shout"}', '{"type":"subscribe"}', '{"type":"subscribe","all":3}', "x" * 20_000],
)
def test_what_is_no_message_is_refused(text: str | None):
    with pytest.raises(InvalidRequest):
        parse_message(text)


@given(st.text())
def test_no_text_breaks_the_parser(text: str):
    with suppress(InvalidRequest):
        assert parse_message(text).type in ("subscribe", "unsubscribe", "ping")


def test_an_event_is_sent_as_it_was_emitted():
    emitted = line(started(), context("c1"))
    message = msgspec.json.decode(event_message(emitted))
    assert message == {"type": "run.event", "event": msgspec.json.decode(emitted)}


def test_the_end_of_a_call_is_also_a_state_with_its_figures():
    emitted = line(completed(cost_nanousd=7), context("c1"))
    further = further_message(head_of(emitted), emitted)
    assert further is not None
    state = msgspec.json.decode(further)
    assert (state["type"], state["correlation_id"], state["state"]) == ("run.state", "c1", "completed")
    assert state["cost_nanousd"] == 7


def test_an_alert_is_told_as_one():
    emitted = line(started(), context()).replace(b"llm.request.started", b"alert.rule.triggered")
    further = further_message(head_of(emitted), emitted)
    assert further is not None
    assert msgspec.json.decode(further)["type"] == "alert.triggered"


@given(st.text(min_size=1))
def test_tenants_never_share_a_group_and_names_are_valid(tenant_id: str):
    name = group_of(tenant_id)
    assert name != PLATFORM_GROUP
    assert name != group_of(tenant_id + "x")
    assert len(name) < 100
    assert name.isascii()
    assert all(char.isalnum() or char in "-_." for char in name)
