from __future__ import annotations

from guardrails.engine.detectors.deep import names
from guardrails.engine.detectors.pii import ENTITIES
from guardrails.engine.entity_titles import NAMES, PERSONAL_DATA


def test_each_entity_has_one_title() -> None:
    assert set(PERSONAL_DATA) == set(map(str, ENTITIES))
    assert len(set(PERSONAL_DATA.values())) == len(PERSONAL_DATA)
    assert set(NAMES) == set(names.ENTITIES)
