"""What the demo has to show of guardrails and caches."""

from controlplane.demo.policies import SHARED
from controlplane.demo.story import Story
from events.models import EventRecord, Run, UsageRecord
from events.traffic.checking import differences
from events.traffic.kept_answers import cache_figures
from events.traffic.measures import PLATFORM
from events.traffic.reading import Stretch
from events.traffic.rules import BLOCKED, MATCHED, event_counts, rule_counts
from guardrails.models import DryRun, FalsePositive, Policy
from guardrails.pages.words import differences as changes_between
from guardrails.services import live_version_of

EVER = Stretch(1_700_000_000 // 86_400 * 86_400, 2_000_000_000 // 86_400 * 86_400)


def test_there_is_a_policy_for_all_one_that_acts_and_one_in_shadow(demo_small: Story):
    bank, shop = demo_small.made.tenants
    [acting] = Policy.objects.for_tenant(bank.row)
    [watching] = Policy.objects.for_tenant(shop.row)
    [shared] = Policy.objects.of_platform()

    assert (shared.name, shared.mode) == (SHARED, Policy.Mode.ENFORCE)
    assert {rule["action"] for rule in shared.rules} == {"flag"}
    assert (acting.mode, acting.live_version) == (Policy.Mode.ENFORCE, 2)
    assert (watching.mode, watching.live_version) == (Policy.Mode.SHADOW, 2)
    live = live_version_of(acting)
    assert live is not None
    assert changes_between(live.rules, acting.rules)


def test_calls_are_masked_blocked_and_answered_from_the_cache(demo_small: Story):
    bank, shop = (str(tenant.row.pk) for tenant in demo_small.made.tenants)
    outcomes = {(part.outcome, part.shadow) for part in rule_counts(bank, [EVER])[0]}
    assert {("mask", False), ("block", False)} <= outcomes
    assert all(part.shadow or part.outcome == "flag" for part in rule_counts(shop, [EVER])[0])
    told = event_counts(PLATFORM, [EVER])[0]
    refused = Run.objects.filter(tenant_id=bank, error_code="CONTENT_BLOCKED").count()
    assert told[BLOCKED] == refused > 0
    assert told[MATCHED] == EventRecord.objects.filter(event_type=MATCHED, tenant_id__in=[bank, shop]).count()

    [cached] = cache_figures(PLATFORM, [EVER])
    assert cached.hits == UsageRecord.objects.filter(cached_answer=True).count() > 10
    assert cached.saved_nanousd > 0
    assert not UsageRecord.objects.filter(cached_answer=True).exclude(cost_nanousd=0, input_tokens=0).exists()
    assert differences() == []


def test_what_people_did_with_policies_is_there(demo_small: Story):
    shop = demo_small.made.tenants[1].row
    assert FalsePositive.objects.for_tenant(shop).count() == 2
    for tenant in demo_small.made.tenants:
        [row] = DryRun.objects.for_tenant(tenant.row)
        assert row.state == DryRun.State.DONE
        assert row.looked_at > 20
        # The bank's prompts are stored redacted, so that nothing is left to be found in them.
        assert bool(row.by_rule) is (tenant.row == shop)
