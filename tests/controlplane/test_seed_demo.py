import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from controlplane.management.commands import seed_demo
from routing.models import Model, Provider, Route
from routing.selectors import live_models
from routing.services import delete_provider, update_provider, update_route
from tenants.audit import AuditEntry
from tenants.keys import key_hash
from tenants.models import ApiKey, Budget, Membership, Tenant, User
from tenants.services import create_tenant, revoke_key

pytestmark = pytest.mark.django_db

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "COHERE_API_KEY", "VLLM_BASE_URL")


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR_DIR = tmp_path / "var"
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


def seed() -> str:
    out = StringIO()
    call_command("seed_demo", stdout=out)
    return out.getvalue()


def test_a_fresh_database_gets_a_tenant_a_key_a_provider_and_a_default_route():
    seed()
    key = ApiKey.objects.get(key_hash=key_hash("local-dev"))
    assert (key.tenant.slug, key.state()) == ("demo", "active")
    route = Route.objects.get()
    assert (route.name, route.is_default, route.match_modes, route.tenant) == ("default", True, ["direct"], None)
    assert [str(target.model) for target in route.targets.all()] == ["sandbox/sandbox-small", "sandbox/sandbox-large"]


def test_the_demo_tenant_is_told_what_it_spends_and_never_stopped():
    seed()
    budget = Budget.objects.get()
    assert (budget.tenant.slug, budget.level, budget.window, budget.action) == ("demo", "tenant", "month", "alert_only")
    assert (budget.limit_nanousd, budget.thresholds) == (100_000_000_000, [50, 80, 100])


def test_the_sandbox_has_its_address_and_every_model_a_price():
    seed()
    assert Provider.objects.get().base_url == "sandbox://"
    models = live_models(None)
    assert [model.name for model in models] == ["sandbox-small", "sandbox-large", "sandbox-embed"]
    assert all(model.prices.get().input for model in models)


def test_a_second_run_changes_nothing():
    seed()
    entries = AuditEntry.objects.count()
    assert seed() == "Nothing to create.\n"
    assert AuditEntry.objects.count() == entries


def test_what_an_operator_changed_stays_changed():
    seed()
    revoke_key(key=ApiKey.objects.get())
    update_route(route=Route.objects.get(), name="other", is_default=False)
    seed()
    assert ApiKey.objects.get().state() == "revoked"
    assert [route.name for route in Route.objects.all()] == ["other"]


def test_a_database_with_a_tenant_gets_no_demo():
    create_tenant(slug="acme", name="Acme")
    seed()
    assert not ApiKey.objects.exists()
    assert [tenant.slug for tenant in Tenant.objects.all()] == ["acme"]


def test_a_deleted_demo_tenant_does_not_come_back():
    seed()
    Tenant.objects.all().delete()
    seed()
    assert not Tenant.objects.exists()


def test_production_gets_no_well_known_key(settings: Any):
    settings.BREAKWATER_ENV = "production"
    assert "local-dev" not in seed()
    assert not ApiKey.objects.exists()
    assert Tenant.objects.filter(slug="demo").exists()


def test_each_key_in_the_environment_registers_its_provider(monkeypatch: pytest.MonkeyPatch):
    for name in KEYS[:4]:
        monkeypatch.setenv(name, "secret-value")
    said = seed()
    assert set(Provider.objects.values_list("name", "secret_ref")) == {
        ("sandbox", ""),
        ("openai", "env:OPENAI_API_KEY"),
        ("anthropic", "env:ANTHROPIC_API_KEY"),
        ("gemini", "env:GEMINI_API_KEY"),
        ("cohere", "env:COHERE_API_KEY"),
    }
    assert "secret-value" not in said
    assert not Provider.objects.filter(models=None).exists()
    assert Model.objects.get(name="gpt-4o").context_window == 128_000


def test_a_key_that_appears_later_registers_its_provider_then(monkeypatch: pytest.MonkeyPatch):
    seed()
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    assert seed() == "Provider: openai, with the key in OPENAI_API_KEY\n"


def test_a_provider_that_was_changed_or_deleted_is_not_registered_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setenv("COHERE_API_KEY", "x")
    seed()
    delete_provider(provider=Provider.objects.get(name="openai"))
    update_provider(provider=Provider.objects.get(name="cohere"), name="renamed")
    seed()
    assert set(Provider.objects.values_list("name", flat=True)) == {"sandbox", "renamed"}


def test_a_vllm_address_registers_its_provider(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VLLM_BASE_URL", "http://vllm:8000/v1")
    seed()
    assert Provider.objects.get(name="vllm").base_url == "http://vllm:8000/v1"


def test_a_generated_password_works_and_is_kept_where_only_its_owner_reads_it():
    said = seed()
    path = seed_demo.password_file()
    password = path.read_text().strip()
    assert f"password {password} " in said
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    admin = User.objects.get(username="admin")
    assert admin.is_superuser
    assert admin.check_password(password)
    assert Membership.objects.get(user=admin).role == "owner"


def test_a_given_password_is_used_and_never_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(seed_demo, "env", type("Env", (), {"admin_password": "given-pass"}))
    said = seed()
    assert "given-pass" not in said
    assert not seed_demo.password_file().exists()
    assert User.objects.get(username="admin").check_password("given-pass")


def test_an_installation_with_an_operator_gets_no_second_admin():
    User.objects.create_superuser("ops", "ops@example.com", "x")
    seed()
    assert not User.objects.filter(username="admin").exists()
