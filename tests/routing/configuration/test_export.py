from pathlib import Path

import pytest

from routing.configuration.directory import apply, compare, export
from routing.models import Model, Provider, Route
from routing.services import TargetChoice, create_model, create_provider, create_route, delete_route, set_targets
from tenants.services import create_tenant
from tests.routing.configuration.directories import PROVIDERS, ROUTING, applied

pytestmark = pytest.mark.django_db

EXAMPLES = Path(__file__).parents[3] / "configs"


def unusual_rows() -> None:
    """Rows that use every field."""
    acme = create_tenant(slug="acme", name="Acme")
    shared = create_provider(name="sandbox", kind="sandbox", options={"z": {"b": [1, 2.5, None], "a": "yes"}})
    own = create_provider(name="sandbox", kind="sandbox", tenant=acme, max_queue=0, headers={"x-a": "1", "x-b": "on"})
    model = create_model(
        provider=shared,
        name="org/small:v1",
        wire_name="other",
        capabilities=["reasoning", "chat"],
        context_window=10,
        max_output_tokens=5,
        prices={
            "input": 1,
            "output": 123_456_789,
            "reasoning": 4_000_000_000_000_000_000,
            "request": 10_000_000_000,
        },
        enabled=False,
    )
    twin = create_model(provider=own, name="org/small:v1")
    create_route(
        name="all",
        tenant=acme,
        strategy="weighted",
        match_modes=["direct", "rag"],
        match_tags={"tier": "", "n": "1"},
        match_headers={"x-y": "true"},
        order=3,
        is_default=True,
        retry_max_attempts=9,
        retry_base_ms=0,
        sticky_by_user=True,
        hedge=True,
        cache_mode="exact",
        cache_ttl_s=5,
        cache_max_entries=6,
        cache_max_mib=7,
        cache_only_unsampled=True,
        cache_hit_percent=8,
        total_timeout_ms=1,
        max_latency_ms=2,
        enabled=False,
        targets=[
            TargetChoice(model=model, weight=0, priority=4, drop_params=("seed", "logprobs"), enabled=False),
            TargetChoice(model=twin, breaker={"failure_rate": 0.25, "open_s": 1.5, "window_s": 9, "slow_call_ms": 0}),
        ],
    )
    create_route(name="bare")


def test_what_is_exported_applies_without_a_difference(tmp_path: Path):
    unusual_rows()
    export(tmp_path)
    outcome = compare(tmp_path, prune=True)
    assert outcome.problems == []
    assert (outcome.changes, outcome.difference) == ([], "")


def test_what_is_exported_rebuilds_an_empty_database(tmp_path: Path):
    unusual_rows()
    first = {path.name: path.read_text() for path in export(tmp_path / "first")}
    for route in Route.objects.all():
        delete_route(route=route)
    Provider.objects.all().delete()
    assert apply(tmp_path / "first").problems == []
    assert {path.name: path.read_text() for path in export(tmp_path / "second")} == first
    assert Model.objects.get(wire_name="other").prices.get().reasoning == 4_000_000_000_000_000_000


def test_a_plain_route_is_exported_as_primary_and_fallbacks(tmp_path: Path):
    applied(tmp_path, providers=PROVIDERS, routing=ROUTING)
    export(tmp_path)
    text = (tmp_path / "routing.yaml").read_text()
    assert "      primary: openai/gpt-4o-mini\n      fallbacks: [sandbox/sandbox-small]\n" in text


def test_a_route_that_lost_its_targets_is_exported_as_it_is(tmp_path: Path):
    applied(tmp_path, providers=PROVIDERS, routing=ROUTING)
    set_targets(route=Route.objects.get(), targets=[])
    export(tmp_path)
    assert compare(tmp_path).difference == ""


def test_the_examples_apply_as_they_are_and_a_second_time_change_nothing():
    create_tenant(slug="demo", name="Demo")
    first = apply(EXAMPLES)
    assert [str(problem) for problem in first.problems] == []
    assert Route.objects.get(is_default=True).name == "default"
    assert apply(EXAMPLES).changes == []
