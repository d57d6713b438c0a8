import stat
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from contracts.tenant_scope import across_tenants
from controlplane.demo import removal
from controlplane.demo.keys_file import read
from events.collector.database import conninfo
from events.models import EventRecord, Run, UsageRecord
from routing.models import Provider, Route
from tenants.keys import key_hash
from tenants.models import ApiKey, StoredSecret, Tenant, User
from tenants.services import create_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def var(tmp_path: Path, settings: Any) -> Iterator[Path]:
    settings.VAR_DIR = tmp_path
    yield tmp_path
    with across_tenants("whatever the test left"):
        left = removal.present()
    if left:
        removal.remove_happened(conninfo(), left["tenants"])


def demo(*arguments: str) -> str:
    out = StringIO()
    call_command("demo", *arguments, stdout=out)
    return out.getvalue()


def test_what_the_command_made_it_removes_and_nothing_else(var: Path):
    own = create_tenant(slug="acme", name="Acme")
    said = demo("--scale", "0.003", "--days", "2", "--keys", "50")
    assert "7 tenants" in said
    kept = var / "demo-keys.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    with across_tenants("all keys that work"):
        hashes = set(ApiKey.objects.values_list("key_hash", flat=True))
        assert {key_hash(key.key) for key in read(kept)} <= hashes
        assert len(hashes) > 60
    with pytest.raises(CommandError, match="--reset"):
        demo()
    demo("--reset")
    assert not kept.exists()
    assert list(Tenant.objects.all()) == [own]
    assert not any(rows.exists() for rows in (Provider.objects, Route.objects, StoredSecret.objects))
    assert not User.objects.filter(username="amelia.hart").exists()
    assert not any(rows.objects.exists() for rows in (EventRecord, Run, UsageRecord))
    assert "no demo" in demo("--reset")


def test_a_tenant_of_somebody_else_is_never_taken_over(var: Path):
    create_tenant(slug="kite-learning", name="Somebody else's")
    with pytest.raises(CommandError, match="kite-learning"):
        demo("--scale", "0.001")
    assert Tenant.objects.count() == 1
    assert not (var / "demo-keys.json").exists()


@pytest.mark.parametrize("arguments", [("--until", "2999-01-01"), ("--scale", "0"), ("--days", "-1")])
def test_what_makes_no_sense_is_refused(var: Path, arguments: tuple[str, str]):
    with pytest.raises((CommandError, SystemExit)):
        demo(*arguments)
