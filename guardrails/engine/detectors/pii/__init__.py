"""Personal data: what a checksum, a format or the words around it give away, without a model."""

from guardrails.engine.detectors.pii.detector import PersonalData
from guardrails.engine.detectors.pii.entities import DEFAULT, ENTITIES, STRUCTURED, Entity

__all__ = ["DEFAULT", "ENTITIES", "STRUCTURED", "Entity", "PersonalData"]
