"""How well anomalies and drift are found: ``python -m bench.detectors``."""
