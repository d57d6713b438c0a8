from typing import Any

import pytest
from django.core.exceptions import ValidationError

from routing.models import Provider, Route, Target
from routing.services import (
    TargetChoice,
    create_model,
    create_provider,
    create_route,
    delete_model,
    delete_provider,
    set_enabled,
    set_targets,
    update_provider,
)
from tenants.audit import AuditEntry
from tenants.services import create_tenant

pytestmark = pytest.mark.django_db


def sandbox(**fields: Any) -> Provider:
    return create_provider(**{"name": "sandbox", "kind": "sandbox", **fields})


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"kind": "telepathy"}, "No adapter speaks"),
        ({"name": "a/b"}, "'/' separates provider and model"),
        ({"base_url": "ftp://x"}, "Write an address such as"),
        ({"base_url": "https://user:pw@example.com"}, "Addresses hold no credentials"),
        ({"base_url": "https://example.com/?a=1"}, "no '\\?' and no '#'"),
        ({"kind": "openai_compatible"}, "has no public address"),
        ({"kind": "openai", "base_url": "sandbox://"}, "Only the built-in kind"),
        ({"secret_ref": "sk-abcdef"}, "never given in clear"),
        ({"headers": {"Authorization": "x"}}, "looks like a credential"),
        ({"headers": {"Host": "x"}}, "set by the gateway"),
        ({"headers": {"x-a": "line\nbreak"}}, "printable ASCII"),
        ({"headers": ["x"]}, "JSON object"),
        ({"options": [1]}, "JSON object"),
        ({"timeout_ms": 0}, "at least 1 ms"),
        ({"max_in_flight": 0}, "disable the provider"),
    ],
)
def test_a_provider_that_cannot_work_is_refused_with_what_to_write(fields: dict[str, Any], complaint: str):
    with pytest.raises(ValidationError, match=complaint):
        sandbox(**fields)


def test_an_empty_address_becomes_the_public_one():
    assert create_provider(name="openai", kind="openai").base_url == "https://api.openai.com/v1"
    assert sandbox().base_url == "sandbox://"


def test_a_tenant_and_the_platform_may_each_have_a_provider_of_one_name():
    sandbox()
    sandbox(tenant=create_tenant(slug="acme", name="Acme"))
    with pytest.raises(ValidationError, match="already"):
        sandbox()


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"capabilities": []}, "at least one capability|cannot be blank"),
        ({"capabilities": ["fly"]}, "not a valid choice"),
        ({"name": "two words"}, "without spaces"),
    ],
)
def test_a_model_that_cannot_work_is_refused(fields: dict[str, Any], complaint: str):
    provider = sandbox()
    with pytest.raises(ValidationError, match=complaint):
        create_model(**{"provider": provider, "name": "small", **fields})


def test_a_model_in_use_is_not_deleted_and_the_message_tells_by_what():
    provider = sandbox()
    model = create_model(provider=provider, name="small")
    create_route(name="r", targets=[TargetChoice(model=model)])
    for delete in (lambda: delete_model(model=model), lambda: delete_provider(provider=provider)):
        with pytest.raises(ValidationError, match="still used by: r → sandbox/small"):
            delete()


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"strategy": "fastest"}, "not a valid choice"),
        ({"name": "a/b"}, "Write letters"),
        ({"total_timeout_ms": 0}, "at least 1 ms"),
        ({"retry_base_ms": 5, "retry_cap_ms": 4}, "no shorter than the first"),
        ({"match_tags": {"a": 1}}, "names and values are texts"),
    ],
)
def test_a_route_that_cannot_work_is_refused(fields: dict[str, Any], complaint: str):
    with pytest.raises(ValidationError, match=complaint):
        create_route(**{"name": "r", **fields})


def test_there_is_one_default_route_for_each_owner():
    create_route(name="a", is_default=True)
    create_route(name="a", tenant=create_tenant(slug="acme", name="Acme"), is_default=True)
    with pytest.raises(ValidationError, match="default route already"):
        create_route(name="b", is_default=True)


def test_a_route_uses_no_other_tenants_provider():
    acme, other = create_tenant(slug="acme", name="Acme"), create_tenant(slug="other", name="Other")
    own = create_model(provider=sandbox(tenant=acme), name="small")
    create_route(name="fine", tenant=acme, targets=[TargetChoice(model=own)])
    for tenant in (other, None):
        with pytest.raises(ValidationError, match="another tenant's provider"):
            create_route(name="leak", tenant=tenant, targets=[TargetChoice(model=own)])


@pytest.mark.parametrize(
    "breaker", [{"failure_rate": 1.5}, {"slow_call_rate": 0.0}, {"window_s": 0}, {"half_open_probes": 0}]
)
def test_a_breaker_with_impossible_figures_is_refused(breaker: dict[str, Any]):
    model = create_model(provider=sandbox(), name="small")
    with pytest.raises(ValidationError):
        create_route(name="r", targets=[TargetChoice(model=model, breaker=breaker)])
    assert not Route.objects.exists()


def test_a_field_that_makes_no_sense_to_leave_out_is_refused():
    model = create_model(provider=sandbox(), name="small")
    with pytest.raises(ValidationError, match="cannot be left out"):
        create_route(name="r", targets=[TargetChoice(model=model, drop_params=("messages",))])


def test_setting_the_same_targets_again_changes_nothing():
    model = create_model(provider=sandbox(), name="small")
    route = create_route(name="r", targets=[TargetChoice(model=model, weight=2)])
    entries, key = AuditEntry.objects.count(), Target.objects.get().pk
    assert set_targets(route=route, targets=[TargetChoice(model=model, weight=2)]) is False
    assert (AuditEntry.objects.count(), Target.objects.get().pk) == (entries, key)
    assert set_targets(route=route, targets=[]) is True


def test_a_misspelt_field_is_a_programming_error():
    with pytest.raises(TypeError, match="no field 'timeout'"):
        update_provider(provider=sandbox(), timeout=3)


def test_switching_off_audits_only_what_was_on():
    rows = [sandbox(), sandbox(name="b", enabled=False)]
    assert set_enabled(rows=rows, enabled=False) == 1
    assert AuditEntry.objects.filter(action="updated").count() == 1
