"""Presidio's analyzer with its default recognizers on the small English spaCy pipeline."""

from __future__ import annotations

import logging

from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import SpacyNlpEngine


def engine() -> AnalyzerEngine:
    logging.getLogger("tldextract").setLevel(logging.CRITICAL)  # it would like to download a newer list of suffixes
    from guardrails.engine.detectors.deep.names import load_pipeline

    nlp_engine = SpacyNlpEngine()
    vars(nlp_engine)["nlp"] = {"en": load_pipeline()}
    return AnalyzerEngine(nlp_engine=nlp_engine, supported_languages=["en"])
