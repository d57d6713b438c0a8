"""What a model costs: by tenant, by time, and what is refused because it could mean two things."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from contracts.specs import PriceSpec, PriceTimeline
from gateway.spec_source import read_platform, read_tenant
from routing import services
from routing.model_prices import KINDS
from routing.models import Model, ModelPrice
from routing.past_prices import past_prices
from routing.prices import PriceHistory
from routing.selectors import models_without_price
from tenants import invalidation
from tenants.audit import AuditEntry
from tests.tenants.factories import make_tenant
from tests.tenants.secrets.doubles import environment_secrets

pytestmark = pytest.mark.django_db

JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
CHEAP, DEAR = {"input": 1_000_000, "output": 2_000_000}, {"input": 5_000_000, "output": 6_000_000}
NO_SECRETS = environment_secrets({})


def make_model(name: str = "m", *, kind: str = "sandbox", **fields) -> Model:
    provider = services.create_provider(name=f"p-{name}", kind=kind, **fields)
    return services.create_model(provider=provider, name=name)


def cost(model: Model, at: datetime, tenant=None) -> int | None:
    price = PriceHistory(model, tenant and tenant.pk).at(at)
    return None if price is None else price.input


def spans(model: Model) -> list[tuple[datetime | None, datetime | None]]:
    return [(row.valid_from, row.valid_until) for row in model.prices.all()]


def test_every_kind_of_a_price_reaches_the_gateways():
    model = make_model()
    services.set_price(model=model, prices={kind: number for number, kind in enumerate(KINDS, start=1)})
    target = read_platform(NO_SECRETS).models["m"]
    assert target.model.price == PriceSpec(**{kind: number for number, kind in enumerate(KINDS, start=1)})


def test_a_price_holds_from_its_instant_until_the_next_ones():
    model = make_model()
    services.set_price(model=model, prices=CHEAP)
    services.set_price(model=model, prices=DEAR, valid_from=FEBRUARY)
    assert spans(model) == [(None, FEBRUARY), (FEBRUARY, None)]
    assert [cost(model, at) for at in (JANUARY, FEBRUARY - timedelta(microseconds=1), FEBRUARY, MARCH)] == [
        1_000_000,
        1_000_000,
        5_000_000,
        5_000_000,
    ]


def test_a_price_put_between_two_ends_where_the_later_begins():
    model = make_model()
    services.set_price(model=model, prices=CHEAP, valid_from=JANUARY)
    services.set_price(model=model, prices=CHEAP, valid_from=MARCH)
    services.set_price(model=model, prices=DEAR, valid_from=FEBRUARY)
    assert spans(model) == [(JANUARY, FEBRUARY), (FEBRUARY, MARCH), (MARCH, None)]


def test_a_price_that_begins_at_the_same_instant_is_replaced():
    model = make_model()
    services.set_price(model=model, prices=CHEAP | {"request": 9}, valid_from=JANUARY)
    services.set_price(model=model, prices=DEAR, valid_from=JANUARY)
    price = model.prices.get()
    assert (price.input, price.request) == (5_000_000, 0)


def test_a_tenants_price_comes_first_then_the_models_then_the_published_one():
    model = make_model("gpt-4o-mini", kind="openai")
    tenant, other = make_tenant(), make_tenant()
    services.set_price(model=model, prices=CHEAP, valid_from=FEBRUARY, valid_until=MARCH)
    services.set_price(model=model, tenant=tenant, prices=DEAR, valid_from=FEBRUARY)
    published = 150_000_000
    assert [cost(model, at, other) for at in (JANUARY, FEBRUARY, MARCH)] == [published, 1_000_000, published]
    assert [cost(model, at, tenant) for at in (JANUARY, FEBRUARY, MARCH)] == [published, 5_000_000, 5_000_000]


def test_without_any_price_it_is_unknown():
    model = make_model("nobody-sells-this")
    assert cost(model, JANUARY) is None


@pytest.mark.parametrize(
    ("valid_from", "valid_until"),
    [
        (None, None),
        (JANUARY, None),
        (None, MARCH),
        (JANUARY, MARCH),
        (FEBRUARY, MARCH),
        (JANUARY, FEBRUARY + timedelta(1)),
    ],
)
def test_prices_that_overlap_are_refused_by_the_model_and_by_the_database(valid_from, valid_until):
    model, tenant = make_model(), make_tenant()
    for owner in (None, tenant):
        first = ModelPrice.objects.create(
            model=model, tenant=owner, valid_from=FEBRUARY, valid_until=FEBRUARY + timedelta(5), **CHEAP
        )
        second = ModelPrice(model=model, tenant=owner, valid_from=valid_from, valid_until=valid_until, **DEAR)
        with pytest.raises(ValidationError, match="There is another price since 2026-02-01 00:00:00 UTC until"):
            second.full_clean()
        assert first.overlaps(second)
        with pytest.raises(IntegrityError, match="another price of the model"), transaction.atomic():
            second.save()


def test_prices_that_only_touch_or_are_of_others_do_not_overlap():
    model, tenant = make_model(), make_tenant()
    for owner in (None, tenant, make_tenant()):
        for begin, end in ((None, JANUARY), (JANUARY, FEBRUARY), (FEBRUARY, None)):
            row = ModelPrice(model=model, tenant=owner, valid_from=begin, valid_until=end, **CHEAP)
            row.full_clean()
            row.save()
    assert ModelPrice.objects.count() == 9


def test_a_price_ends_after_it_begins_and_needs_both_directions():
    model = make_model()
    with pytest.raises(ValidationError, match="ends after it begins"):
        services.set_price(model=model, prices=CHEAP, valid_from=FEBRUARY, valid_until=FEBRUARY)
    with pytest.raises(ValidationError, match="output"):
        services.set_price(model=model, prices={"input": 1})
    with pytest.raises(IntegrityError, match="model_price_ends_after_it_begins"), transaction.atomic():
        ModelPrice.objects.create(model=model, valid_from=MARCH, valid_until=JANUARY, **CHEAP)


def test_a_tenant_has_no_price_for_another_tenants_model():
    model = make_model(tenant=make_tenant())
    with pytest.raises(ValidationError, match="another tenant's provider"):
        services.set_price(model=model, tenant=make_tenant(), prices=CHEAP)


def test_prices_are_audited_under_whom_they_concern():
    model, tenant = make_model(), make_tenant()
    services.set_price(model=model, prices=CHEAP)
    services.set_price(model=model, tenant=tenant, prices=CHEAP)
    services.delete_price(price=ModelPrice.objects.get(tenant=None))
    entries = AuditEntry.objects.filter(object_type="modelprice").order_by("id")
    assert [(entry.action, entry.tenant_ref) for entry in entries] == [
        ("created", ""),
        ("created", str(tenant.pk)),
        ("deleted", ""),
    ]


def test_gateways_know_the_changes_to_come():
    model = make_model()
    soon, later = (datetime.now(UTC).replace(microsecond=0) + timedelta(days=days) for days in (1, 2))
    services.set_price(model=model, prices=CHEAP)
    services.set_price(model=model, prices=DEAR, valid_from=soon, valid_until=later)
    spec = read_platform(NO_SECRETS).models["m"].model
    assert spec.price == PriceSpec(**CHEAP)
    assert spec.price_changes == (
        (round(soon.timestamp() * 1000), PriceSpec(**DEAR)),
        (round(later.timestamp() * 1000), None),
    )


def test_a_fraction_of_a_millisecond_is_no_reason_to_begin_early():
    model = make_model()
    at = FEBRUARY + timedelta(microseconds=1)
    services.set_price(model=model, prices=CHEAP, valid_from=at)
    [(change_ms, _price)] = PriceHistory(model).timeline(JANUARY).price_changes
    assert change_ms == round(FEBRUARY.timestamp() * 1000) + 1


def test_a_tenants_own_prices_are_in_its_spec_and_in_nobody_elses():
    model, tenant, other = make_model(), make_tenant(), make_tenant()
    services.set_price(model=model, prices=CHEAP)
    services.set_price(model=model, tenant=tenant, prices=DEAR, valid_until=datetime.now(UTC) + timedelta(days=1))
    spec, others = read_tenant(str(tenant.pk), NO_SECRETS), read_tenant(str(other.pk), NO_SECRETS)
    assert spec is not None
    assert others is not None
    own = spec.prices[str(model.pk)]
    assert own.price == PriceSpec(**DEAR)
    assert [price for _at, price in own.price_changes] == [PriceSpec(**CHEAP)]
    assert others.prices == {}
    assert read_platform(NO_SECRETS).models["m"].model.price == PriceSpec(**CHEAP)


def test_a_tenants_price_for_its_own_model_is_in_the_model():
    tenant = make_tenant()
    model = make_model(tenant=tenant)
    services.set_price(model=model, prices=CHEAP)
    services.set_price(model=model, tenant=tenant, prices=DEAR)
    spec = read_tenant(str(tenant.pk), NO_SECRETS)
    assert spec is not None
    assert spec.models["m"].model.price == PriceSpec(**DEAR)


def test_a_price_drops_the_specs_that_know_it(monkeypatch, django_capture_on_commit_callbacks):
    sent: list[invalidation.Invalidation] = []
    monkeypatch.setattr(invalidation, "publish", sent.extend)
    model, tenant = make_model(), make_tenant()
    with django_capture_on_commit_callbacks(execute=True):
        services.set_price(model=model, tenant=tenant, prices=CHEAP)
    assert {(each.scope, each.id) for each in sent} == {("tenant", str(tenant.pk))}
    sent.clear()
    with django_capture_on_commit_callbacks(execute=True):
        services.set_price(model=model, prices=DEAR)
    assert {(each.scope, each.id) for each in sent} == {("platform", ""), ("tenant", str(tenant.pk))}


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def test_past_prices_are_those_that_held_then_and_the_tenants_own_where_it_had_some():
    model, tenant = make_model(), make_tenant()
    services.set_price(model=model, prices=CHEAP)
    services.set_price(model=model, prices=DEAR, valid_from=FEBRUARY)
    found = past_prices(model.pk, tenant.pk, _ms(JANUARY), _ms(MARCH))
    assert found == PriceTimeline(price=PriceSpec(**CHEAP), price_changes=((_ms(FEBRUARY), PriceSpec(**DEAR)),))
    services.set_price(model=model, tenant=tenant, prices={"input": 0, "output": 1_000_000})
    assert past_prices(model.pk, tenant.pk, _ms(JANUARY), _ms(MARCH)) == PriceTimeline(
        price=PriceSpec(input=0, output=1_000_000)
    )
    assert past_prices(model.pk, make_tenant(slug="other").pk, _ms(FEBRUARY), _ms(MARCH)).price == PriceSpec(**DEAR)


def test_past_prices_of_a_model_that_is_gone_are_unknown():
    assert past_prices(make_tenant().pk, make_tenant(slug="other").pk, 0, 1).price is None


def test_a_published_price_by_the_hour_changes_within_the_timeline():
    model = make_model("deepseek-chat", kind="openai", base_url="https://api.deepseek.com")
    history = PriceHistory(model)
    noon = datetime(2025, 7, 1, 12, tzinfo=UTC)
    changes = history.timeline(noon).price_changes
    assert len(changes) == 5
    for instant_ms, price in changes:
        instant = datetime.fromtimestamp(instant_ms / 1000, UTC)
        assert history.at(instant) == price
        assert history.at(instant - timedelta(seconds=1)) != price


def test_models_whose_price_nobody_knows_are_listed():
    known, unknown = make_model("known"), make_model("unknown")
    services.set_price(model=known, prices=CHEAP)
    off = make_model("off")
    services.update_model(model=off, enabled=False)
    services.set_price(model=unknown, tenant=make_tenant(), prices=CHEAP)
    assert models_without_price(JANUARY) == [unknown]
