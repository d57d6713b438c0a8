"""The subjects of reports, one file each. A further one is a file that defines ``KIND``, and a line here."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from django.db import Error as DatabaseError

from reports.engine.content import Section
from reports.sections import (
    caches,
    costs,
    drift,
    evaluations,
    guardrails,
    incidents,
    objectives,
    savings,
    traffic,
)
from reports.sections.base import Asked, Kind

logger = logging.getLogger(__name__)

ALL: Final[Mapping[str, Kind]] = {
    one.key: one
    for one in (
        traffic.KIND,
        costs.KIND,
        savings.KIND,
        evaluations.KIND,
        drift.KIND,
        objectives.KIND,
        incidents.KIND,
        guardrails.KIND,
        caches.KIND,
    )
}
"""Key → subject, in the order of reports."""
OF_ONE_RUN: Final = ("evaluations",)
"""What a report about one run has."""


def read_sections(asked: Asked, keys: Sequence[str]) -> tuple[list[Section], list[str]]:
    """Those of the keys that have anything to say, and the titles of those that could not be read.

    One that fails keeps nobody from reading the others. A database that fails would fail all of them: it is raised.
    """
    wanted = OF_ONE_RUN if asked.run is not None else [key for key in ALL if key in keys]
    found, missing = [], []
    for key in wanted:
        try:
            section = ALL[key].read(asked)
        except DatabaseError:
            raise
        except Exception:
            logger.exception("a section of a report could not be read: %s", key)
            missing.append(ALL[key].title)
            continue
        if section is not None:
            found.append(section)
    return found, missing
