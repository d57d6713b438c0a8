"""Prompt injection and jailbreaks: families of phrases and a small classifier."""

from guardrails.engine.detectors.injection.detector import InjectionDetector, Where
from guardrails.engine.detectors.injection.families import Entity

__all__ = ["Entity", "InjectionDetector", "Where"]
