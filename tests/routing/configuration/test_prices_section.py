"""The prices of models in ``providers.yaml``."""

from datetime import datetime
from pathlib import Path

import pytest

from routing.configuration.directory import compare, export
from routing.models import Model
from tenants.services import create_tenant
from tests.routing.configuration.directories import applied, refused

pytestmark = pytest.mark.django_db


def priced(prices: str) -> str:
    return f"providers:\n  sandbox:\n    models:\n      m:\n        prices: {prices}\n"


def prices_of(model: str = "m") -> list[tuple[str, str, str, int]]:
    def day(instant: datetime | None) -> str:
        return "" if instant is None else f"{instant:%Y-%m-%dT%H:%M}"

    return [
        (row.tenant.slug if row.tenant else "", day(row.valid_from), day(row.valid_until), row.input)
        for row in Model.objects.get(name=model).prices.all()
    ]


def test_prices_follow_each_other_and_tenants_have_their_own(tmp_path: Path):
    create_tenant(slug="acme", name="Acme")
    several = """
          - {input: 2.5, output: 10}
          - {valid_from: 2026-03-01T02:00:00+02:00, input: 2, output: 8, image_output: 30}
          - {tenant: acme, valid_from: 2026-01-01, valid_until: "2027-01-01T00:00:00Z", input: 1, output: 7}"""
    applied(tmp_path, providers=priced(several))
    assert prices_of() == [
        ("", "", "2026-03-01T00:00", 2_500_000_000),
        ("", "2026-03-01T00:00", "", 2_000_000_000),
        ("acme", "2026-01-01T00:00", "2027-01-01T00:00", 1_000_000_000),
    ]
    assert applied(tmp_path).changes == []
    export(tmp_path)
    outcome = compare(tmp_path, prune=True)
    assert (outcome.changes, outcome.difference) == ([], "")


def test_a_models_prices_are_exactly_those_of_the_file(tmp_path: Path):
    applied(tmp_path, providers=priced("[{input: 1, output: 1}, {valid_from: 2026-03-01, input: 2, output: 2}]"))
    first = Model.objects.get().prices.get(valid_from=None).pk
    applied(tmp_path, providers=priced("[{input: 1, output: 1}, {valid_from: 2026-04-01, input: 3, output: 3}]"))
    assert prices_of() == [("", "", "2026-04-01T00:00", 1_000_000_000), ("", "2026-04-01T00:00", "", 3_000_000_000)]
    assert Model.objects.get().prices.get(valid_from=None).pk == first
    applied(tmp_path, providers=priced("{}"))
    assert prices_of() == []


@pytest.mark.parametrize(
    ("prices", "complaint"),
    [
        ("{input: 1, output: 1, valid_from: soon}", "valid_from is a date such as 2026-01-31"),
        ("{input: 1, output: 1, valid_from: 7}", "valid_from is a date such as 2026-01-31"),
        ("{input: 1, output: 1, valid_from: 2026-02-01, valid_until: 2026-01-01}", "A price ends after it begins."),
        ("[{input: 1, output: 1}, {input: 2, output: 2}]", "There is another price since ever until further notice"),
        (
            "[{input: 1, output: 1, valid_until: 2026-03-01}, {valid_from: 2026-02-01, input: 2, output: 2}]",
            "another price",
        ),
        ("{input: 1, output: 1, tenant: nobody}", "there is no tenant 'nobody'"),
        ("{input: 1, output: 1, outptu: 1}", "did you mean 'output'?"),
        ("{output: 1}", "a price needs both input and output"),
        ("{input: 1, output: 1, valid_from: 2026-02-30}", "holds an impossible value"),
    ],
)
def test_prices_that_make_no_sense_are_refused(tmp_path: Path, prices: str, complaint: str):
    [problem] = refused(tmp_path, providers=priced(prices))
    assert complaint in problem
    assert problem.startswith("providers.yaml:")
