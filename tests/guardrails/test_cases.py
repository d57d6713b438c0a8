"""Cases: what a policy must find and what it must not, run before each publication."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from contracts.guardrails import Action, Stage
from guardrails import services
from guardrails.cases import CaseEntry, add_case, cases_of, remove_case, replace_cases, run_cases
from guardrails.documents import document_of, read_policies, written
from guardrails.models import MAX_CASE_LENGTH, Policy, PolicyCase
from tenants.audit import AuditEntry
from tenants.models import Tenant
from tests.guardrails.policy_rows import make_policy, words_rule
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Tenant:
    return make_tenant(payload_storage="stored")


@pytest.fixture
def policy(acme: Tenant) -> Policy:
    return make_policy(acme, "standard", words_rule("Rivals", "globex"), words_rule("Weather", "rain"))


def reasons(policy: Policy) -> list[str]:
    return [result.reason for result in run_cases(policy).failing]


def test_a_harmless_text_fails_where_a_rule_finds_something(policy: Policy) -> None:
    add_case(policy=policy, expect="harmless", text="the globe")
    add_case(policy=policy, expect="harmless", text="about globex")
    report = run_cases(policy)
    assert [result.passed for result in report.results] == [True, False]
    assert [result.reason for result in report.failing] == ["Found by Rivals."]


def test_a_case_of_one_rule_does_not_mind_another(policy: Policy) -> None:
    add_case(policy=policy, expect="harmless", text="globex in the rain", rule_id="weather")
    add_case(policy=policy, expect="found", text="only globex", rule_id="weather")
    add_case(policy=policy, expect="found", text="only globex")
    assert reasons(policy) == ["Found by Weather.", "Not found by Weather."]


def test_a_case_of_a_rule_that_is_gone_is_not_found_any_more(policy: Policy) -> None:
    add_case(policy=policy, expect="found", text="globex", rule_id="rivals")
    add_case(policy=policy, expect="harmless", text="globex", rule_id="rivals", stage=Stage.TOOL_RESULT)
    services.remove_rule(policy=policy, rule_id="rivals")
    policy.refresh_from_db()
    assert reasons(policy) == ["The draft has no rule 'rivals' any more."]


def test_an_exception_takes_no_offence(acme: Tenant) -> None:
    allow = words_rule("Fine", "globex", action=Action.ALLOW)
    policy = make_policy(acme, "with-exception", allow, words_rule("Rivals", "globex"))
    add_case(policy=policy, expect="harmless", text="globex")
    assert reasons(policy) == []


def test_a_rule_that_cannot_tell_fails_its_cases(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: object, _text: object) -> None:
        raise RuntimeError("broken")

    add_case(policy=policy, expect="harmless", text="fine")
    add_case(policy=policy, expect="found", text="globex")
    monkeypatch.setattr("guardrails.engine.detectors.words.Words.find", broken)
    assert reasons(policy) == ["Rivals could not tell.", "Rivals could not tell."]


def test_cases_are_looked_at_where_they_stand(policy: Policy) -> None:
    add_case(policy=policy, expect="found", text="globex", stage=Stage.OUTPUT)
    assert reasons(policy) == ["No rule finds it."]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": "  "}, "needs a text"),
        ({"text": "x" * (MAX_CASE_LENGTH + 1)}, "at most 20,000"),
        ({"rule_id": "nonsense"}, "no rule 'nonsense'"),
        ({"expect": "nonsense"}, "nonsense"),
        ({"stage": "nonsense"}, "nonsense"),
    ],
)
def test_what_is_no_case_is_refused(policy: Policy, fields: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        add_case(policy=policy, **{"expect": "found", "text": "globex", **fields})


def test_a_text_is_a_case_once(policy: Policy) -> None:
    add_case(policy=policy, expect="found", text="globex")
    with pytest.raises(ValidationError, match="already"):
        add_case(policy=policy, expect="harmless", text="globex")


def test_adding_and_removing_is_audited_without_the_text(policy: Policy) -> None:
    case = add_case(policy=policy, expect="found", text="the secret globex", note="why")
    remove_case(case=case)
    entries = AuditEntry.objects.filter(object_type="policycase", tenant_ref=str(policy.tenant_id))
    assert sorted(entries.values_list("action", flat=True)) == ["created", "deleted"]
    assert "secret" not in str(list(entries.values_list("before", "after")))


def test_a_draft_that_fails_cases_is_not_published_unless_somebody_accepts_it(policy: Policy) -> None:
    services.publish(policy=policy)
    add_case(policy=policy, expect="harmless", text="globex is fine")
    services.put_rule(policy=policy, rule=words_rule("More", "sun"))
    with pytest.raises(services.FailingCases, match="1 case fails"):
        services.publish(policy=policy)
    policy.refresh_from_db()
    assert policy.live_version == 1

    version = services.publish(policy=policy, accept_failing_cases=True)

    assert (version.number, version.failing_cases) == (2, 1)
    assert AuditEntry.objects.filter(after__accepted_failing_cases=1, tenant_ref=str(policy.tenant_id)).count() == 1


def test_a_mark_becomes_a_case_where_the_tenant_keeps_texts(policy: Policy) -> None:
    services.mark_false_positive(policy=policy, rule_id="rivals", text="globex, the film", stage="output")
    [case] = cases_of(policy)
    assert (case.expect, case.stage, case.rule_id, case.text) == ("harmless", "output", "rivals", "globex, the film")

    quiet = make_policy(make_tenant(payload_storage="none"))
    services.mark_false_positive(policy=quiet, rule_id="rivals", text="globex, the film")
    assert not cases_of(quiet)


def test_a_mark_with_an_excerpt_or_a_text_that_is_a_case_stays_a_mark(policy: Policy) -> None:
    services.mark_false_positive(policy=policy, rule_id="rivals", text="an [EXCERPT]", text_hash="a" * 64)
    assert not cases_of(policy)
    add_case(policy=policy, expect="harmless", text="globex", rule_id="rivals")
    services.mark_false_positive(policy=policy, rule_id="rivals", text="globex")
    assert cases_of(policy).count() == 1
    assert policy.false_positives.filter(tenant=policy.tenant).count() == 2


def test_a_file_holds_the_cases_and_brings_them_back(policy: Policy) -> None:
    text = "line one\nglobex: 'two'"
    add_case(policy=policy, expect="found", text=text, rule_id="rivals", note="why", stage="output")
    add_case(policy=policy, expect="harmless", text="fine")
    [document] = read_policies(written([document_of(policy)]))
    assert document.cases == [
        CaseEntry(expect="found", text=text, stage="output", rule="rivals", note="why"),
        CaseEntry(expect="harmless", text="fine"),
    ]
    other = make_tenant()
    [row] = services.import_policies(tenant=other, documents=[document])
    assert [case.tenant_id for case in cases_of(row)] == [other.pk, other.pk]
    assert "cases" not in document_of(policy, with_cases=False)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("{expect: maybe, text: a}", "expect is one of"),
        ("{expect: found, text: a, stage: x}", "no stage"),
        ("{expect: found}", "case 1.*text"),
    ],
)
def test_a_file_with_what_is_no_case_says_where(case: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read_policies(f"policies: [{{name: one, rules: [], cases: [{case}]}}]")


def test_cases_are_replaced_by_those_of_a_file(policy: Policy) -> None:
    kept = add_case(policy=policy, expect="found", text="globex")
    add_case(policy=policy, expect="found", text="gone")
    entries = [CaseEntry(expect="found", text="globex"), CaseEntry(expect="harmless", text="new")]
    assert replace_cases(policy=policy, entries=entries)
    assert [case.text for case in cases_of(policy)] == ["globex", "new"]
    assert PolicyCase.objects.filter(pk=kept.pk, tenant=policy.tenant).exists()
    assert not replace_cases(policy=policy, entries=entries)
