"""Filters are checked before PostgreSQL sees them, and mean there what they mean here."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.errors import InvalidRequest
from rag.engine.filters import filters_of
from rag.search.conditions import conditions

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=6)
NUMBER = st.one_of(st.integers(-50, 50), st.floats(-50, 50).map(lambda one: round(one, 2)))
FIELD = st.sampled_from(["city", "it's", 'a"b', "%s"])
WANTED = st.one_of(
    TEXT,
    NUMBER,
    st.booleans(),
    st.lists(st.one_of(TEXT, NUMBER, st.booleans()), min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), NUMBER, min_size=1),
    st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), TEXT, min_size=1),
)


@pytest.mark.parametrize(
    "given_filters",
    [
        {"a": None},
        {"a": []},
        {"a": [[1]]},
        {"a": {}},
        {"a": {"above": 1}},
        {"a": {"gt": True}},
        {"a": {"gt": 1, "lt": "b"}},
        {"a": float("nan")},
        {"a": "nul\x00"},
        {"": 1},
        {"x" * 129: 1},
        {f"f{at}": 1 for at in range(17)},
        {"a": list(range(101))},
    ],
)
def test_malformed_filters_are_refused(given_filters: dict[str, Any]):
    with pytest.raises(InvalidRequest) as refused:
        filters_of(given_filters)
    assert (refused.value.param or "").startswith("retrieval.filters")


@pytest.mark.django_db
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(FIELD, WANTED, max_size=2),
    st.dictionaries(FIELD, st.one_of(TEXT, NUMBER, st.booleans()), max_size=4),
)
def test_postgresql_decides_as_the_engine_does(wanted, metadata):
    from django.db.models import JSONField

    filters = filters_of(wanted)
    more, values = conditions("c", None, filters)
    with connection.cursor() as cursor:
        values["metadata"] = JSONField().get_db_prep_value(metadata, connection)
        cursor.execute(f"SELECT true{more} FROM (SELECT %(metadata)s::jsonb AS metadata) AS c", values)
        assert bool(cursor.fetchone()[0]) == all(one.accepts(metadata) for one in filters)
