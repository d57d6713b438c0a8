"""The collector: from the bus into PostgreSQL, exactly once, and on to whoever watches."""
