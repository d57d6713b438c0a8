from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from routing.models import Provider
from tenants.audit import AuditEntry
from tests.routing.configuration.directories import PROVIDERS, ROUTING, write

pytestmark = pytest.mark.django_db


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("config", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_apply_tells_what_it_changed_and_then_that_nothing_changed(tmp_path: Path):
    write(tmp_path, providers=PROVIDERS)
    first = run("apply", tmp_path)
    assert "created provider openai\n" in first
    assert first.endswith("6 change(s).\n")
    assert run("apply", tmp_path).endswith("No change.\n")


def test_apply_is_audited_under_its_own_name(tmp_path: Path):
    run("apply", write(tmp_path, providers=PROVIDERS))
    assert set(AuditEntry.objects.values_list("actor", flat=True)) == {"config apply"}


def test_apply_prints_every_problem_with_its_line_and_fails(tmp_path: Path):
    write(tmp_path, routing="routes:\n  - name: a\n  - nme: b\n")
    err = StringIO()
    with pytest.raises(CommandError, match=r"Nothing was applied") as failure:
        call_command("config", "apply", str(tmp_path), stderr=err)
    assert failure.value.returncode == 2
    assert err.getvalue().splitlines() == [
        "routing.yaml:2: route a needs a policy with a primary target, or targets",
        "routing.yaml:3: routes[1] has no name",
    ]


def test_diff_exits_with_1_when_there_are_differences_and_0_when_there_are_none(tmp_path: Path):
    write(tmp_path, providers=PROVIDERS, routing=ROUTING)
    with pytest.raises(CommandError, match="9 change") as failure:
        run("diff", tmp_path)
    assert failure.value.returncode == 1
    assert not Provider.objects.exists()
    run("apply", tmp_path)
    assert run("diff", tmp_path) == "No difference.\n"


def test_export_writes_files_that_make_no_difference(tmp_path: Path):
    run("apply", write(tmp_path, providers=PROVIDERS, routing=ROUTING))
    target = tmp_path / "new" / "place"
    assert run("export", target).splitlines() == [
        str(target / name) for name in ("providers.yaml", "routing.yaml", "budgets.yaml")
    ]
    assert run("diff", target, "--prune") == "No difference.\n"
