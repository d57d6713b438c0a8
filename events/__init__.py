"""Events: emit, spool, bus, collector, runs, live fan-out, metrics and traces.

Nothing here knows who produces an event or who watches it.
"""
