"""How well it is told what answers rest on, and which are made up: ``python -m bench.groundedness``."""
