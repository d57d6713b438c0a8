"""``manage.py prices missing``."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from routing.services import create_model, create_provider, set_price
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


def test_models_without_a_known_price_are_named_and_fail_the_command():
    shared = create_provider(name="box", kind="sandbox")
    own = create_provider(name="own", kind="sandbox", tenant=make_tenant(slug="acme"))
    priced, unpriced, theirs = (
        create_model(provider=at, name=name) for at, name in ((shared, "a"), (shared, "b"), (own, "c"))
    )
    set_price(model=priced, prices={"input": 1, "output": 1})
    out = StringIO()
    with pytest.raises(CommandError, match=r"2 model\(s\) without a known price") as failure:
        call_command("prices", "missing", stdout=out)
    assert failure.value.returncode == 1
    assert out.getvalue().splitlines() == [str(unpriced), f"{theirs} (of tenant acme)"]


def test_nothing_is_missing_where_every_price_is_known():
    create_model(provider=create_provider(name="openai", kind="openai"), name="gpt-4o-mini")
    out = StringIO()
    call_command("prices", "missing", stdout=out)
    assert out.getvalue() == "The price of every enabled model is known.\n"
