"""What rules found in calls: whose, of when, told apart by what."""

from __future__ import annotations

import pytest
from django.test import Client

from guardrails import services
from tenants.models import Tenant
from tests.gateway.pages.runs import kept_events
from tests.guardrails.pages.hit_rows import hit
from tests.guardrails.policy_rows import make_policy, words_rule
from tests.tenants.factories import make_tenant

__all__ = ["kept_events"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_events")]

HITS = "/t/acme/guardrails/hits/"


def body(response) -> str:
    assert response.status_code == 200, response
    return response.content.decode()


def test_hits_are_shown_with_evidence_and_a_way_to_their_call(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    run = hit(policy, text="Globex is cheaper")

    for page in (f"/t/acme/guardrails/{policy.pk}/?tab=hits", HITS):
        shown = body(developer.get(page))
        assert "Globex is cheaper" in shown
        assert "RIVAL × 2" in shown
        assert "on the list" in shown
        assert f"/t/acme/requests/{run}/" in shown
        assert ">Harmless<" in shown


def test_sums_tell_what_was_blocked_from_what_happened_in_shadow(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    hit(policy)
    hit(policy, action="mask")
    hit(policy, shadow=True)

    page = developer.get(HITS)

    tiles = {tile.label: tile.value for tile in page.context["tiles"]}
    assert tiles == {"Hits": 3, "Blocked": 1, "Changed": 1, "In shadow": 1, "Could not tell": 0}


def test_bars_are_stacked_by_rule_or_by_what_followed(developer: Client, acme: Tenant):
    policy = make_policy(acme, "standard", words_rule(), words_rule("Insults"))
    hit(policy)
    hit(policy, rule="insults", action="mask")

    by_rule = developer.get(HITS).context["chart"]
    by_outcome = developer.get(f"{HITS}?by=outcome").context["chart"]

    assert {(one.label, sum(one.values)) for one in by_rule.series} == {("Rivals", 1), ("Insults", 1)}
    assert {(one.label, sum(one.values)) for one in by_outcome.series} == {("Blocked", 1), ("Masked", 1)}


def test_one_rule_or_outcome_is_looked_into(developer: Client, acme: Tenant):
    policy = make_policy(acme, "standard", words_rule(), words_rule("Insults"))
    hit(policy, text="a rival here")
    hit(policy, rule="insults", action="mask", text="an insult here")

    for query in (f"rule={policy.pk}/insults", "outcome=mask"):
        page = developer.get(f"{HITS}?{query}")
        assert "an insult here" in body(page)
        assert "a rival here" not in body(page)
        assert page.context["tiles"][0].value == 1


def test_the_newest_come_first_and_earlier_ones_a_page_at_a_time(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    for minutes in range(20):
        hit(policy, minutes_ago=minutes + 1, text=f"text {minutes:02}.")

    first = developer.get(HITS)
    second = developer.get(HITS + first.context["older"])

    assert [one["text"] for one in first.context["examples"]] == [f"text {n:02}." for n in range(15)]
    assert [one["text"] for one in second.context["examples"]] == [f"text {n:02}." for n in range(15, 20)]
    assert "data-live=" not in body(second).split("policy-hits")[1].split(">")[0]


def test_of_a_shared_policy_a_tenant_sees_hits_in_its_own_calls(developer: Client, operator: Client, acme: Tenant):
    shared, other = make_policy(None, "for all"), make_tenant()
    hit(shared, acme, text="said at Acme")
    hit(shared, other, text="said elsewhere")

    mine = developer.get(f"/t/acme/guardrails/{shared.pk}/?tab=hits")
    everyone = operator.get(f"/console/guardrails/{shared.pk}/?tab=hits")

    assert "said elsewhere" not in body(mine)
    assert mine.context["total"] == 1
    assert "said elsewhere" in body(everyone)
    assert everyone.context["total"] == 2
    assert ">Harmless<" not in body(mine)


def test_texts_are_for_those_who_may_read_them(as_member, acme: Tenant):
    hit(make_policy(acme), text="a secret of the caller")
    assert "a secret of the caller" not in body(as_member("viewer").get(HITS))
    assert "a secret of the caller" not in body(as_member("billing").get(HITS))


def test_a_hit_that_is_marked_says_so(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    hit(policy)
    services.mark_false_positive(policy=policy, rule_id="rivals", text_hash="a" * 64)

    page = developer.get(HITS)

    assert [one["harmless"] for one in page.context["examples"]] == [True]
    assert ">Harmless<span" not in body(page)


def test_a_mark_says_at_which_stage_the_text_was(developer: Client, acme: Tenant):
    hit(make_policy(acme), stage="output", text="said by a model")
    assert '<input type="hidden" name="stage" value="output">' in body(developer.get(HITS))


def test_a_rule_that_is_gone_keeps_the_name_it_had(developer: Client, acme: Tenant):
    hit(make_policy(acme), rule="gone", text="x")
    assert [bar.label for bar in developer.get(HITS).context["by_rule"]] == ["Gone"]


def test_what_is_live_renews_itself_alone(developer: Client, acme: Tenant):
    policy = make_policy(acme)
    for page in (HITS, f"/t/acme/guardrails/{policy.pk}/?tab=hits"):
        part = body(developer.get(page, headers={"hx-request": "true", "hx-target": "policy-hits"}))
        assert part.startswith('<div class="stack" id="policy-hits"')
        assert 'data-live="guardrail.*"' in part


@pytest.mark.parametrize(
    "query", ["before=yesterday", "rule=%00", "outcome=nonsense", "by=x", "from=x&to=y", "rule=a/b"]
)
def test_nonsense_in_the_address_is_no_filter(developer: Client, acme: Tenant, query: str):
    hit(make_policy(acme))
    assert developer.get(f"{HITS}?{query}").status_code == 200
