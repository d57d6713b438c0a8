"""Who may change what at the same time.

Whatever changes documents of a collection begins with :func:`writing`: one writer a collection, so that counts of
lexemes are exact and nobody waits in a circle. Slow work (reading, embedding) is done before, under
:func:`only_worker`, which holds no row and goes with the connection of a worker that dies.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_TAKE = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
_GIVE_BACK = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"


def writing(collection_id: uuid.UUID) -> None:
    """Be the only writer of the collection until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rag_lock_lexemes(%s)", [collection_id])


@contextmanager
def only_worker(what: str) -> Iterator[bool]:
    """Whether this worker is the only one at it, within the block."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [f"rag:{what}"])
        taken = bool(cursor.fetchone()[0])
    try:
        yield taken
    finally:
        if taken:
            with connection.cursor() as cursor:
                cursor.execute(_GIVE_BACK, [f"rag:{what}"])
