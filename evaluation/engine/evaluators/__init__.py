"""What scores answers: :mod:`~evaluation.engine.evaluators.registry` has all kinds."""
