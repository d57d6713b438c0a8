"""The list of providers and a provider's page: who sees what, and what it costs to show."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from routing.models import Provider, Route
from routing.pages import provider_activity
from routing.pages.provider_activity import Activity
from routing.pages.provider_health import TargetNow, TargetOfWorker, health_of
from routing.services import TargetChoice, create_model, create_provider, create_route
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db

WORDS = {"overview": "What uses it", "models": "gpt-4.1", "errors": "Circuits", "settings": "Connect timeout"}
TABS = tuple(WORDS)


def page_of(provider: Provider, tab: str = "overview") -> str:
    return f"/console/providers/{provider.pk}/?tab={tab}"


def body(client: Client, path: str, **kwargs) -> str:
    answer = client.get(path, **kwargs)
    assert answer.status_code == 200, answer.content[:500]
    return answer.content.decode()


def test_operators_see_every_owner_s_providers(operator, sandbox):
    create_provider(name="theirs", kind="sandbox", tenant=make_tenant(name="Omega"))

    shown = body(operator, "/console/providers/")

    assert ">sandbox</a>" in shown
    assert "Omega only" in shown


def test_members_see_their_tenant_s_providers_and_no_others(as_member, sandbox):
    mine, other = make_tenant(slug="alpha"), make_tenant()
    create_provider(name="mine", kind="sandbox", tenant=mine)
    create_provider(name="foreign", kind="sandbox", tenant=other)

    shown = body(as_member(mine, "viewer"), "/t/alpha/providers/")

    assert ">mine</a>" in shown
    assert "foreign" not in shown
    assert ">sandbox</a>" not in shown


@pytest.mark.parametrize("tab", TABS)
def test_another_tenant_s_provider_does_not_exist(as_member, tab):
    foreign = create_provider(name="foreign", kind="sandbox", tenant=make_tenant())
    client = as_member(make_tenant(slug="alpha"), "owner")

    assert client.get(f"/t/alpha/providers/{foreign.pk}/?tab={tab}").status_code == 404


@pytest.mark.parametrize("tab", TABS)
def test_members_open_their_own_provider(as_member, tab):
    tenant = make_tenant(slug="alpha")
    provider = create_provider(name="mine", kind="sandbox", tenant=tenant)
    create_model(provider=provider, name="small")

    shown = body(as_member(tenant, "viewer"), f"/t/alpha/providers/{provider.pk}/?tab={tab}")

    assert "Drain" not in shown
    assert "/edit/" not in shown


def test_a_provider_in_use_shows_every_tab_in_a_bounded_number_of_queries(
    operator, demo_small, django_assert_max_num_queries
):
    provider = Provider.objects.of_platform().get(name="openai")
    body(operator, page_of(provider))

    for tab, words in WORDS.items():
        with django_assert_max_num_queries(32):
            assert words in body(operator, page_of(provider, tab))


def test_the_list_costs_the_same_number_of_queries_however_many_there_are(
    operator, sandbox, django_assert_max_num_queries
):
    for number in range(12):
        provider = create_provider(name=f"p{number}", kind="sandbox")
        create_model(provider=provider, name=f"m{number}")
    operator.get("/console/providers/")

    with django_assert_max_num_queries(22):
        operator.get("/console/providers/")


def test_htmx_gets_the_cards_alone(operator, sandbox):
    headers = {"HX-Request": "true", "HX-Target": "provider-cards"}

    shown = body(operator, "/console/providers/", headers=headers)

    assert "<html" not in shown
    assert shown.lstrip().startswith('<div id="provider-cards"')


def test_filters_narrow_the_cards(operator, sandbox):
    create_provider(name="off", kind="sandbox", enabled=False)

    shown = body(operator, "/console/providers/?state=off")

    assert ">off</a>" in shown
    assert ">sandbox</a>" not in shown
    assert "Nothing matches" in body(operator, "/console/providers/?q=nowhere")


def test_without_providers_the_page_says_what_to_do(operator):
    assert "Add a provider" in body(operator, "/console/providers/")


def test_draining_names_the_routes_that_would_have_no_target_left(operator, small):
    create_route(name="lonely", targets=[TargetChoice(model=small)])

    assert "lonely" in body(operator, page_of(small.provider))
    assert Route.objects.count() == 1


def busy(state: str, in_flight: int = 0) -> TargetNow:
    worker = TargetOfWorker("w", "host", 1, state, 0.0, in_flight, 0, None, None)
    return TargetNow("t", state, [worker])


@pytest.mark.parametrize(
    ("enabled", "calls", "failed", "targets", "key"),
    [
        (True, 100, 1, [busy("closed")], "ok"),
        (True, 0, 0, [], "idle"),
        (True, 100, 20, [busy("closed")], "degraded"),
        (True, 5, 5, [busy("closed")], "ok"),
        (True, 100, 0, [busy("open")], "open"),
        (True, 100, 0, [busy("open"), busy("closed")], "degraded"),
        (True, 100, 0, [busy("half_open")], "degraded"),
        (False, 100, 0, [busy("closed", in_flight=2)], "draining"),
        (False, 100, 0, [busy("closed")], "off"),
    ],
)
def test_health_is_the_worst_that_is_known(enabled, calls, failed, targets, key):
    assert health_of(enabled, Activity(calls=calls, failed=failed), targets, reachable=True).key == key


def test_without_redis_nobody_claims_to_know_the_circuits():
    assert health_of(True, Activity(), [], reachable=False).key == "unknown"


def test_a_busy_stretch_is_estimated_from_a_part_of_its_attempts(demo_small, monkeypatch):
    provider = Provider.objects.of_platform().get(name="openai")
    targets = provider_activity.targets_by_provider([provider.pk])

    def attempts() -> Activity:
        end = timezone.now()
        with across_tenants("the platform looks at every tenant's"):
            found = provider_activity.activity(
                targets, tenant_id=None, since=end - timedelta(days=2), until=end, step_s=7_200
            )
        return found[str(provider.pk)]

    exact = attempts()
    monkeypatch.setattr(provider_activity, "SLOTS", 24)
    monkeypatch.setattr(provider_activity, "MOST_ATTEMPTS", 120)
    estimated = attempts()

    assert exact.calls > 50
    assert not exact.sampled
    assert estimated.sampled
    assert exact.calls / 2 < estimated.calls < exact.calls * 2
