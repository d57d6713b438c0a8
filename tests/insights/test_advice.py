from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from evaluation.models import EvalRun, ItemResult
from insights.advice import not_worse
from insights.selectors import recommendations
from insights.services import decide, take_back
from routing.models import Model, ModelPrice
from routing.services import TargetChoice, create_provider, create_route
from tenants import services
from tenants.audit import AuditEntry
from tenants.changes import save_row
from tenants.models import ApiKey
from tests.evaluation.golden_rows import finished_run, make_set
from tests.insights.planted_calls import DAY, Planted
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def planted(acme) -> Planted:
    return Planted(acme)


def model_of(name: str, price: int, tenant=None, **prices) -> Model:
    provider = create_provider(tenant=tenant, name=f"{name}-home", kind="sandbox", base_url="http://sandbox.invalid")
    model = save_row(Model(provider=provider, name=name, wire_name=name, capabilities=["chat"]))
    save_row(ModelPrice(model=model, input=price, output=price, **prices))
    return model


def by_kind(acme, kind):
    return [one for one in recommendations(acme, DAY) if one.kind == kind]


# --- cheaper models --------------------------------------------------------------------------------------


def compared(low: float, n: int = 60, answered: float = 0.0):
    return {
        "comparisons": [
            {"variant": 1, "measure": "Grounded", "n": n, "low": low},
            {"variant": 1, "measure": "answered", "n": n, "low": answered},
        ]
    }


@pytest.mark.parametrize(
    ("summary", "held"),
    [
        (compared(-0.01), True),
        (compared(-0.021), False),
        (compared(0.0, n=29), False),
        (compared(0.0, answered=-0.1), False),
        ({"comparisons": []}, False),
    ],
)
def test_a_candidate_is_not_worse_where_its_interval_says_so(summary, held):
    assert (not_worse(summary, 1, ["Grounded"]) is not None) is held


def test_a_run_without_evaluators_says_nothing():
    assert not_worse(compared(0.0), 1, []) is None


def run_that_compares(acme, low: float) -> None:
    run = finished_run(make_set(acme, *[f"question {n}" for n in range(3)]), {"big": [1.0] * 3, "small": [1.0] * 3})
    names = [one["name"] for one in run.evaluators]
    summary = {"comparisons": [{"variant": 1, "measure": name, "n": 60, "low": low} for name in [*names, "answered"]]}
    EvalRun.objects.for_tenant(acme).filter(pk=run.pk).update(
        summary=summary, ended_at=timezone.now(), state=EvalRun.State.DONE
    )
    for position, model in ((0, "gpt-big"), (1, "gpt-small")):
        ItemResult.objects.for_tenant(acme).filter(variant__run=run, variant__position=position).update(model=model)


def test_a_cheaper_model_saves_what_its_prices_say(acme, planted):
    model_of("gpt-big", 10_000_000_000)
    model_of("gpt-small", 1_000_000_000)
    planted.call(20_000_000, model="gpt-big", input_tokens=1_000, output_tokens=1_000)
    planted.write()
    run_that_compares(acme, 0.0)
    (found,) = by_kind(acme, "cheaper_model")
    # 2,000 tokens at $1 a million are 2,000,000 nano-dollars: 18,000,000 less, each of 30 days.
    assert found.saving_nanousd == 30 * 18_000_000
    assert found.title == "gpt-small answers as well as gpt-big"
    assert found.page == "eval-run"


def test_a_model_that_may_be_worse_is_not_advised(acme, planted):
    model_of("gpt-big", 10_000_000_000)
    model_of("gpt-small", 1_000_000_000)
    planted.call(20_000_000, model="gpt-big", input_tokens=1_000, output_tokens=1_000)
    planted.write()
    run_that_compares(acme, -0.05)
    assert by_kind(acme, "cheaper_model") == []


# --- routes, outputs, prompts, keys ----------------------------------------------------------------------


def route_of(name: str, acme, **fields) -> None:
    create_route(name=name, tenant=acme, targets=[TargetChoice(model=model_of(f"{name}-m", 1))], **fields)


def test_a_route_that_is_asked_the_same_again_could_keep_answers(acme, planted):
    route_of("faq", acme)
    for number in range(30):
        planted.call(1_000_000, route="faq", asks="hours", minute=number * 15, key_id=f"key-{number}")
    planted.write()
    (found,) = by_kind(acme, "cache_route")
    # The first answer is paid for; 29 were not needed, each of 30 days.
    assert found.saving_nanousd == 30 * 29 * 1_000_000
    assert found.page == "route"


def test_a_route_that_keeps_answers_already_is_left_alone(acme, planted):
    route_of("faq", acme, cache_mode="exact")
    for number in range(30):
        planted.call(1_000_000, route="faq", asks="hours", minute=number * 15)
    planted.write()
    assert by_kind(acme, "cache_route") == []


def test_too_much_output_that_is_asked_for_is_told_with_what_were_enough(acme, planted):
    for number in range(200):
        planted.call(1, most=4_096, output_tokens=100, minute=number)
    planted.write()
    (found,) = by_kind(acme, "max_tokens")
    assert found.saving_nanousd is None
    assert "A max_tokens of 160 were enough." in found.text


def test_who_uses_what_is_asked_for_is_left_alone(acme, planted):
    for number in range(200):
        planted.call(1, most=400, output_tokens=101, minute=number)
    planted.write()
    assert by_kind(acme, "max_tokens") == []


def test_long_prompts_that_are_never_read_from_a_cache_are_told_with_low_confidence(acme, planted):
    model_of("gpt", 1_000_000_000, cached_input=100_000_000)
    for number in range(200):
        planted.call(2_000_000, input_tokens=2_000, minute=number)
    planted.write()
    (found,) = by_kind(acme, "prompt_caching")
    assert found.confidence == "low"
    # 30% of 400,000 tokens at $0.90 less a million, each of 30 days.
    assert found.saving_nanousd == 30 * 120_000 * 900
    assert "assumed" in found.caveat


def test_a_key_that_nobody_used_for_long_is_told(acme):
    key, _ = services.create_key(tenant=acme, name="old")
    services.create_key(tenant=acme, name="new")
    ApiKey.objects.for_tenant(acme).filter(pk=key.pk).update(created_at=timezone.now() - timedelta(days=61))
    assert [one.title for one in by_kind(acme, "unused_key")] == ["Revoke the key old"]


def test_other_tenants_are_never_looked_at(acme, planted):
    for number in range(200):
        planted.call(1_000_000, most=4_096, output_tokens=100, minute=number, asks="same")
    planted.write()
    assert recommendations(make_tenant(slug="globex"), DAY) == []


# --- put aside -------------------------------------------------------------------------------------------


@pytest.fixture
def advised(acme):
    key, _ = services.create_key(tenant=acme, name="old")
    ApiKey.objects.for_tenant(acme).filter(pk=key.pk).update(created_at=timezone.now() - timedelta(days=61))
    (found,) = recommendations(acme, DAY)
    return found


def test_what_is_dismissed_is_not_shown_until_it_is_taken_back(acme, advised):
    decide(tenant=acme, key=advised.key, title=advised.title)
    assert recommendations(acme, DAY) == []
    assert [one.state for one in recommendations(acme, DAY, also_decided=True)] == ["dismissed"]
    take_back(tenant=acme, key=advised.key)
    assert recommendations(acme, DAY) == [advised]
    with across_tenants("a test looks"):
        kinds = list(AuditEntry.objects.filter(object_type="advicedecision").values_list("action", flat=True))
    assert kinds == ["deleted", "created"]


def test_what_is_snoozed_comes_back(acme, advised, monkeypatch):
    decide(tenant=acme, key=advised.key, title=advised.title, until=timezone.now() + timedelta(days=7))
    assert recommendations(acme, DAY) == []
    later = timezone.now() + timedelta(days=8)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert [one.key for one in recommendations(acme, DAY)] == [advised.key]
