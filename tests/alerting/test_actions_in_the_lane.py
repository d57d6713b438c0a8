"""What an action does to calls: a target that is drained, or whose circuit is opened, gets none until it is undone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from alerting.actions.undoing import undo
from gateway import process
from routing.catalogue import SANDBOX, register
from routing.models import Route
from routing.services import TargetChoice, create_route
from tenants.keys import ClearKey
from tenants.services import create_key, create_tenant
from tests.alerting.action_rows import fire, look, make_action, runs_of, target_of
from tests.gateway.test_doors import HELLO, ViewDoor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_client")]

FIRST, SECOND = "sandbox-small", "sandbox-large"


@pytest.fixture
def route(settings: Any, tmp_path: Any) -> Iterator[Route]:
    """The first model answers as long as it gets calls."""
    settings.SPOOL_DIR = tmp_path / "spool"
    tenant = create_tenant(slug="doors", name="Doors")
    create_key(tenant=tenant, name="key", clear_key=ClearKey(clear="doors-key", prefix="doors", last_four="-key"))
    models = {model.name: model for model in register(SANDBOX).models.all()}
    choices = [TargetChoice(model=models[name], priority=place) for place, name in enumerate((FIRST, SECOND))]
    yield create_route(name="default", tenant=tenant, is_default=True, targets=choices)
    process.stop()


def answered_by(door: ViewDoor) -> str:
    reply = door.post("/v1/chat/completions", HELLO, key="doors-key")
    assert reply.status == 200, reply.body
    return str(reply.json["model"])


def wait_for(door: ViewDoor, model: str) -> None:
    deadline = time.monotonic() + 10
    while not answered_by(door).endswith(model):
        assert time.monotonic() < deadline, f"{model} never answered"


@pytest.mark.parametrize("kind", ["drain_target", "open_breaker"])
def test_a_target_gets_no_calls_until_it_is_undone(route: Route, kind: str) -> None:
    door = ViewDoor(process.running())
    wait_for(door, FIRST)
    make_action(route.tenant, kind=kind, target=target_of(route, FIRST))
    fire(route.tenant)
    assert look() == 1

    wait_for(door, SECOND)
    assert {answered_by(door).endswith(SECOND) for _ in range(20)} == {True}

    (run,) = runs_of(route.tenant)
    assert undo(run=run, now=timezone.now()).state == "undone"
    wait_for(door, FIRST)
    assert {answered_by(door).endswith(FIRST) for _ in range(20)} == {True}


def test_a_dry_run_lets_calls_go_on_as_they_went(route: Route) -> None:
    door = ViewDoor(process.running())
    wait_for(door, FIRST)
    make_action(route.tenant, target=target_of(route, FIRST), dry_run=True)
    fire(route.tenant)
    look()

    assert {answered_by(door).endswith(FIRST) for _ in range(20)} == {True}
