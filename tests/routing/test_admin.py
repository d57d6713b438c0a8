"""The admin of providers, models and routes as an operator uses it."""

import re
import time
from typing import Any

import pytest
import redis
from django.urls import reverse
from redis.backoff import NoBackoff
from redis.retry import Retry

from routing import admin_health
from routing.admin_health import BreakerStates, summary
from routing.models import Model, Provider, Route, Target
from routing.services import TargetChoice, create_model, create_provider, create_route
from tenants.audit import AuditEntry
from tenants.models import User
from tenants.services import create_tenant


@pytest.fixture
def browser(client, db):
    client.force_login(User.objects.create_superuser("operator", "operator@example.com", "x"))
    return client


def url(model: str, page: str = "changelist", *args: object) -> str:
    return reverse(f"admin:routing_{model}_{page}", args=args)


def inline(prefix: str, *rows: dict[str, Any], initial: int = 0) -> dict[str, Any]:
    fields: dict[str, Any] = {
        f"{prefix}-TOTAL_FORMS": len(rows),
        f"{prefix}-INITIAL_FORMS": initial,
        f"{prefix}-MIN_NUM_FORMS": 0,
        f"{prefix}-MAX_NUM_FORMS": 1000,
    }
    for number, row in enumerate(rows):
        fields |= {f"{prefix}-{number}-{name}": value for name, value in row.items()}
    return fields


def provider_form(**changes: Any) -> dict[str, Any]:
    return {
        "name": "openai",
        "kind": "openai",
        "enabled": "on",
        "base_url": "",
        "secret_ref": "env:OPENAI_API_KEY",
        "headers": "",
        "options": "{}",
        "connect_timeout_ms": 5000,
        "first_token_timeout_ms": 30000,
        "timeout_ms": 60000,
        "max_in_flight": 100,
        "max_queue": 100,
        **inline("models"),
        **changes,
    }


def route_form(**changes: Any) -> dict[str, Any]:
    return {
        "name": "fast",
        "enabled": "on",
        "strategy": "priority",
        "order": 100,
        "retry_max_attempts": 3,
        "retry_per_target": 2,
        "retry_base_ms": 100,
        "retry_cap_ms": 2000,
        "total_timeout_ms": 120000,
        **inline("targets"),
        **changes,
    }


def sandbox_model(name: str = "small", **fields: Any) -> Model:
    provider = Provider.objects.filter(name="sandbox").first() or create_provider(name="sandbox", kind="sandbox")
    return create_model(provider=provider, name=name, **fields)


def errors(response: Any) -> str:
    form = response.context["adminform"].form
    formsets = [formset.formset for formset in response.context["inline_admin_formsets"]]
    return str([form.errors.as_data(), *(formset.errors for formset in formsets)])


def test_a_provider_and_its_models_are_added_on_one_page(browser):
    models = inline(
        "models",
        {
            "name": "gpt-4o",
            "capabilities": ["chat", "tools"],
            "enabled": "on",
        },
    )
    response = browser.post(url("provider", "add"), provider_form(headers="X-Team: search\n", **models))
    assert response.status_code == 302, errors(response)
    provider = Provider.objects.get()
    assert (provider.base_url, provider.headers) == ("https://api.openai.com/v1", {"X-Team": "search"})
    model = provider.models.get()
    assert (model.wire_name, model.capabilities) == ("gpt-4o", ["chat", "tools"])


def test_what_is_added_is_audited_under_the_operators_name(browser):
    browser.post(url("provider", "add"), provider_form())
    entry = AuditEntry.objects.get(object_type="provider")
    assert (entry.action, entry.object_name) == ("created", "openai")


def test_a_change_is_audited_by_field_and_no_change_is_not(browser):
    provider = create_provider(name="openai", kind="openai", secret_ref="env:OPENAI_API_KEY")
    page, form = url("provider", "change", provider.pk), provider_form(base_url="https://api.openai.com/v1")
    assert browser.post(page, form).status_code == 302
    assert AuditEntry.objects.filter(object_type="provider").count() == 1
    assert browser.post(page, form | {"timeout_ms": 5}).status_code == 302
    entry = AuditEntry.objects.filter(object_type="provider").first()
    assert entry is not None
    assert (entry.before, entry.after) == ({"timeout_ms": 60000}, {"timeout_ms": 5})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"secret_ref": "sk-12345"}, "never given in clear"),
        ({"kind": "openai_compatible"}, "has no public address"),
        ({"headers": "just words"}, "Line 1: write"),
        ({"headers": "a: 1\na: 2"}, "Line 2: "),
        ({"headers": "Authorization: Bearer x"}, "looks like a credential"),
        ({"timeout_ms": "0"}, "Timeouts are at least 1 ms."),
        ({"options": "[1]"}, "JSON object"),
    ],
)
def test_a_provider_that_cannot_work_is_sent_back_with_the_reason(browser, changes, complaint):
    response = browser.post(url("provider", "add"), provider_form(**changes))
    assert response.status_code == 200
    assert complaint in errors(response)
    assert not Provider.objects.exists()


def test_every_page_opens(browser):
    model = sandbox_model(prices={"input": 150_000_000, "output": 0})
    route = create_route(name="r", match_tags={"tier": ""}, targets=[TargetChoice(model=model)])
    rows = {
        "provider": model.provider,
        "model": model,
        "modelprice": model.prices.get(),
        "route": route,
        "target": Target.objects.get(),
    }
    for name, row in rows.items():
        for page in (url(name), url(name, "add"), url(name, "change", row.pk), url(name, "delete", row.pk)):
            assert browser.get(page).status_code == 200, page
        assert browser.get(url(name), {"q": "small"}).status_code == 200


def test_lists_are_searched_by_what_they_contain(browser):
    route = create_route(name="has", targets=[TargetChoice(model=sandbox_model("small"))])
    create_route(name="has-not")
    found = browser.get(url("route"), {"q": "small"}).context["cl"].result_list
    assert [row.pk for row in found] == [route.pk]
    found = browser.get(url("provider"), {"q": "small"}).context["cl"].result_list
    assert [row.name for row in found] == ["sandbox"]


def test_lists_are_filtered(browser):
    create_provider(name="a", kind="sandbox")
    create_provider(name="b", kind="openai", enabled=False)
    found = browser.get(url("provider"), {"enabled__exact": "0"}).context["cl"].result_list
    assert [row.name for row in found] == ["b"]


def test_prices_are_shown_in_dollars(browser):
    model = sandbox_model(prices={"input": 150_000_000, "output": 10_000_000_000})
    page = browser.get(url("model", "change", model.pk)).content.decode()
    assert 'value="0.15"' in page
    assert 'value="10"' in page
    listed = browser.get(url("model")).content.decode()
    assert "$0.15" in listed


def test_a_model_without_own_prices_shows_the_published_ones(browser):
    provider = create_provider(name="openai", kind="openai")
    create_model(provider=provider, name="gpt-4o-mini")
    create_model(provider=provider, name="unheard-of")
    listed = browser.get(url("model")).content.decode()
    assert "$0.15 input, $0.6 output" in listed
    assert "published" in listed
    assert "price unknown" in listed


def test_a_route_and_its_targets_are_added_on_one_page(browser):
    small, large = sandbox_model("small"), sandbox_model("large")
    targets = inline(
        "targets",
        {"model": small.pk, "priority": 0, "weight": 1, "enabled": "on"},
        {"model": large.pk, "priority": 1, "weight": 1, "enabled": "on"},
    )
    form = route_form(match_modes="direct\nrag", match_tags="tier: premium\nany:", is_default="on", **targets)
    response = browser.post(url("route", "add"), form)
    assert response.status_code == 302, errors(response)
    route = Route.objects.get()
    assert (route.match_modes, route.match_tags) == (["direct", "rag"], {"tier": "premium", "any": ""})
    assert [target.model.name for target in route.targets.all()] == ["small", "large"]


def test_targets_are_changed_and_deleted_on_the_routes_page(browser):
    route = create_route(
        name="fast",
        targets=[TargetChoice(model=sandbox_model("small")), TargetChoice(model=sandbox_model("large"), priority=1)],
    )
    first, second = route.targets.all()
    targets = inline(
        "targets",
        {"id": first.pk, "route": route.pk, "model": first.model_id, "priority": 0, "weight": 9, "enabled": "on"},
        {"id": second.pk, "route": route.pk, "model": second.model_id, "priority": 1, "weight": 1, "DELETE": "on"},
        initial=2,
    )
    response = browser.post(url("route", "change", route.pk), route_form(**targets))
    assert response.status_code == 302, errors(response)
    assert [target.weight for target in route.targets.all()] == [9]
    actions = AuditEntry.objects.filter(object_type="target").values_list("action", flat=True)
    assert sorted(actions) == ["created", "created", "deleted", "updated"]


def test_a_target_at_another_tenants_provider_is_sent_back_with_the_reason(browser):
    acme = create_tenant(slug="acme", name="Acme")
    model = create_model(provider=create_provider(name="own", kind="sandbox", tenant=acme), name="m")
    targets = inline("targets", {"model": model.pk, "priority": 0, "weight": 1, "enabled": "on"})
    response = browser.post(url("route", "add"), route_form(**targets))
    assert response.status_code == 200
    assert "another tenant's provider" in errors(response)
    assert not Route.objects.exists()


def test_a_second_default_route_is_sent_back_with_the_reason(browser):
    create_route(name="old", is_default=True)
    response = browser.post(url("route", "add"), route_form(is_default="on"))
    assert "There is a default route already" in errors(response)


def test_a_targets_breaker_is_set_on_its_own_page(browser):
    route = create_route(name="r", targets=[TargetChoice(model=sandbox_model())])
    target = route.targets.get()
    form = {
        "model": target.model_id,
        "priority": 0,
        "weight": 1,
        "drop_params": "seed\nlogprobs",
        "enabled": "on",
        "breaker_failure_rate": "0.25",
    }
    response = browser.post(url("target", "change", target.pk), form)
    assert response.status_code == 302, errors(response)
    target.refresh_from_db()
    assert (target.breaker_failure_rate, target.drop_params) == (0.25, ["seed", "logprobs"])


def test_a_provider_in_use_is_not_deleted(browser):
    model = sandbox_model()
    create_route(name="r", targets=[TargetChoice(model=model)])
    browser.post(url("provider", "delete", model.provider.pk), {"post": "yes"})
    assert Provider.objects.exists()


def test_a_route_is_deleted_and_audited(browser):
    route = create_route(name="r")
    assert browser.post(url("route", "delete", route.pk), {"post": "yes"}).status_code == 302
    assert AuditEntry.objects.filter(object_type="route", action="deleted").count() == 1


def test_many_rows_are_disabled_at_once(browser):
    rows = [create_route(name="a"), create_route(name="b")]
    selected = {"action": "disable_selected", "_selected_action": [str(row.pk) for row in rows]}
    browser.post(url("route"), selected)
    assert not Route.objects.filter(enabled=True).exists()
    assert AuditEntry.objects.filter(object_type="route", action="updated").count() == 2


def test_the_badges_tell_what_the_breakers_say(browser, redis_client):
    route = create_route(
        name="r",
        targets=[TargetChoice(model=sandbox_model("small")), TargetChoice(model=sandbox_model("large"), priority=1)],
    )
    assert "healthy" in browser.get(url("route")).content.decode()
    redis_client.hset(f"breaker:{route.targets.all()[0].pk}", "state", "open")
    assert "1 of 2 open" in browser.get(url("route")).content.decode()
    page = browser.get(url("route", "change", route.pk)).content.decode()
    assert re.search(r"<span[^>]*bg-red-100[^>]*>\s*open\s*</span>", page)
    assert re.search(r"<span[^>]*bg-green-100[^>]*>\s*closed\s*</span>", page)
    redis_client.hset(f"breaker:{route.targets.all()[1].pk}", "state", "open")
    assert "down" in browser.get(url("route")).content.decode()


def test_what_is_switched_off_is_not_called_healthy(browser):
    off = create_provider(name="off", kind="sandbox", enabled=False)
    create_route(name="r", targets=[TargetChoice(model=create_model(provider=off, name="m"))])
    assert "switched off" in browser.get(url("provider")).content.decode()
    assert "no targets" in browser.get(url("route")).content.decode()


def test_with_redis_down_pages_open_at_once_and_say_that_health_is_unknown(browser, monkeypatch):
    create_route(name="r", targets=[TargetChoice(model=sandbox_model())])
    unreachable = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
    states = BreakerStates(unreachable)
    monkeypatch.setattr(admin_health, "breaker_states", lambda: states)
    started = time.monotonic()
    page = browser.get(url("route"))
    assert time.monotonic() - started < 5
    assert page.status_code == 200
    assert "unknown" in page.content.decode()


class CountingRedis:
    """A Redis that is down, and counts who asks."""

    def __init__(self) -> None:
        self.asked = 0

    def pipeline(self, transaction: bool) -> "CountingRedis":
        return self

    def hget(self, key: str, field: str) -> None:
        return None

    def execute(self) -> list[bytes]:
        self.asked += 1
        raise redis.ConnectionError("down")


def test_after_a_failure_redis_is_left_alone_for_a_while():
    now, client = [100.0], CountingRedis()
    states = BreakerStates(client, monotonic=lambda: now[0])  # type: ignore[arg-type]
    assert states.read(["a"]) == {"a": "unknown"}
    assert states.read(["b"]) == {"b": "unknown"}
    assert client.asked == 1
    now[0] += 6
    states.read(["a"])
    assert client.asked == 2


@pytest.mark.parametrize(
    ("states", "key", "text"),
    [
        ([], "none", "no targets"),
        (["closed", "closed"], "healthy", "healthy"),
        (["closed", "half_open"], "degraded", "probing"),
        (["open", "closed", "half_open"], "degraded", "1 of 3 open"),
        (["open", "open"], "down", "down"),
        (["open", "unknown"], "unknown", "unknown"),
    ],
)
def test_a_badge_tells_the_worst_that_is_known(states, key, text):
    assert summary(states) == (key, text)
