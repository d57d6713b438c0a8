"""Data-plane half of events: emitter, spool, shipper, bus, metrics, traces. No Django.

:func:`build` puts them together for one process.
"""

from events.engine.outlet import EventOutlet, build, started_outlet

__all__ = ["EventOutlet", "build", "started_outlet"]
