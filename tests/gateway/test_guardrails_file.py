"""``guardrails.yaml``: applied, compared, exported."""

from pathlib import Path

import pytest

from guardrails import services
from guardrails.models import Policy
from routing.configuration.directory import apply, export
from tests.guardrails.policy_rows import make_policy, words_rule
from tests.routing.configuration.directories import applied, refused
from tests.tenants.factories import make_key, make_tenant

pytestmark = pytest.mark.django_db

POLICY = """\
policies:
  - name: standard
    tenant: acme
    mode: {mode}
    routes: [chat]
    keys: [shop]
    rules:
      - name: Rivals
        kind: words
        stages: [input]
        action: block
        options:
          words: {words}
"""


@pytest.fixture(autouse=True)
def _acme() -> None:
    make_key(tenant=make_tenant(slug="acme"), name="shop")


def text(mode: str = "shadow", words: str = "[globex]") -> str:
    return POLICY.format(mode=mode, words=words)


def test_rules_that_are_not_in_force_are_published(tmp_path: Path):
    applied(tmp_path, guardrails=text())
    outcome = applied(tmp_path, guardrails=text("enforce", "[globex, initech]"))

    policy = Policy.objects.select_related("tenant").get()
    assert (policy.mode, policy.live_version, policy.routes, len(policy.keys)) == ("enforce", 2, ["chat"], 1)
    assert "published policy standard v2 (enforce)" in outcome.changes


def test_a_second_time_nothing_changes(tmp_path: Path):
    applied(tmp_path, guardrails=text())

    assert applied(tmp_path, guardrails=text()).changes == []


def test_a_policy_is_switched_without_a_new_version(tmp_path: Path):
    applied(tmp_path, guardrails=text())
    applied(tmp_path, guardrails=text("enforce"))
    assert (Policy.objects.get().mode, Policy.objects.get().live_version) == ("enforce", 1)
    applied(tmp_path, guardrails=text("off"))
    assert Policy.objects.get().mode == "off"


def test_what_is_exported_rebuilds_an_empty_database(tmp_path: Path):
    policy = make_policy(None, "shared", words_rule(), words_rule("More", shadow=True))
    services.publish(policy=policy, mode="enforce")
    applied(tmp_path, guardrails=text())
    export(tmp_path)
    first = (tmp_path / "guardrails.yaml").read_text()
    Policy.objects.all().delete()

    assert apply(tmp_path).problems == []
    export(tmp_path)

    assert (tmp_path / "guardrails.yaml").read_text() == first


def test_what_the_file_no_longer_has_goes_only_where_that_is_asked_for(tmp_path: Path):
    make_policy(None, "other")

    assert applied(tmp_path, guardrails=text()).kept == ["policy other"]
    applied(tmp_path, guardrails=text(), prune=True)
    assert [policy.name for policy in Policy.objects.all()] == ["standard"]


@pytest.mark.parametrize(
    ("wrong", "line", "complaint"),
    [
        (text().replace("words:", "wrods:"), 8, "wrods"),
        (text().replace("kind: words", "kind: tea"), 8, "no kind 'tea'"),
        (text().replace("[shop]", "[till]"), 6, "no key 'till'"),
        (text().replace("shadow", "loud"), 4, "mode is one of"),
        (text().replace("name: Rivals", "nme: Rivals"), 8, "nme"),
        ("policies:\n  - name: p\n", 2, "needs a list of rules"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, wrong: str, line: int, complaint: str):
    found = refused(tmp_path, guardrails=wrong)

    assert any(problem.startswith(f"guardrails.yaml:{line}:") and complaint in problem for problem in found), found
    assert not Policy.objects.exists()


CASES = """\
    cases:
      - {expect: harmless, text: globex, rule: rivals}
      - {expect: found, text: about initech}
"""


def test_a_version_that_fails_the_cases_of_the_file_is_refused(tmp_path: Path):
    failing = refused(tmp_path, guardrails=text(words="[globex, initech]") + CASES)
    outcome = applied(tmp_path, guardrails=text(words="[initech]") + CASES)
    without = applied(tmp_path, guardrails=text(words="[initech]"))

    assert "1 case fails" in str(failing)
    assert "changed the cases of policy standard" in outcome.changes
    assert without.changes == []
    export(tmp_path)
    assert "text: about initech" in (tmp_path / "guardrails.yaml").read_text()


def test_what_is_no_case_is_said_with_its_line(tmp_path: Path):
    assert "expect is one of" in str(
        refused(tmp_path, guardrails=text() + "    cases:\n      - {expect: x, text: a}\n")
    )
