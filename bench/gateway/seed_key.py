"""The key of the benchmark's tenant; apart from the seed, which needs Django."""

KEY = "bench-key-0123456789"
GUARDED_KEY = "guarded-key-0123456789"
"""Of a tenant whose calls a policy looks at."""
