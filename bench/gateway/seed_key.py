"""The key of the benchmark's tenant; apart from the seed, which needs Django."""

KEY = "bench-key-0123456789"
