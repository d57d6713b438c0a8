"""Questions to PostgreSQL: one message each, settings for its length alone, over in time."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from rag.search.limits import Asking, failure

pytestmark = pytest.mark.django_db(transaction=True)

NOW = "SELECT current_setting('enable_sort'), current_setting('role'), current_setting('breakwater.tags', true)"
MEANWHILE: dict[str, str | list[str]] = {
    "enable_sort": "off",
    "breakwater.tags": ["hr", 'says "no"', "back\\slash"],
    "role": "pg_monitor",
}


def settings() -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute(f"{NOW}, current_setting('statement_timeout')")
        return cursor.fetchone()


@pytest.mark.parametrize("within", [False, True])
def test_settings_hold_for_the_question_alone(within):
    before = settings()
    if within:
        with transaction.atomic():
            [found] = Asking(5).rows(NOW, {}, MEANWHILE)
            after = settings()
    else:
        [found] = Asking(5).rows(NOW, {}, MEANWHILE)
        after = settings()
    assert found == ("off", "pg_monitor", '{hr,"says \\"no\\"","back\\\\slash"}')
    assert (after[0], after[1], after[2] or None, after[3]) == (before[0], before[1], before[2] or None, before[3])


def test_each_statement_of_a_message_has_its_rows():
    values = {"much": 'a "b" %s; DROP TABLE rag_chunk; --', "number": 3}
    first, second = Asking(5).all(
        [("SELECT %(much)s, '%%'", values), ("SELECT generate_series(1, %(number)s)", values)]
    )
    assert first == [(values["much"], "%")]
    assert second == [(1,), (2,), (3,)]


@pytest.mark.parametrize("within", [False, True])
def test_what_takes_too_long_is_cancelled_and_the_connection_goes_on(within):
    def asked() -> None:
        with pytest.raises(DatabaseError) as raised:
            Asking(0.05).all([("SELECT 1", {}), ("SELECT pg_sleep(5)", {})])
        assert failure("words", raised.value) == "words_slow"
        assert Asking(5).rows("SELECT 2", {}) == [(2,)]

    if within:
        with transaction.atomic():
            asked()
            assert settings()[3] == "0"
    else:
        asked()


def test_a_statement_that_fails_says_so():
    with pytest.raises(DatabaseError) as raised:
        Asking(5).rows("SELECT 1 / %(none)s", {"none": 0})
    assert failure("vectors", raised.value) == "vectors_failed"
