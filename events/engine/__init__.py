"""Data-plane half of events: emitter, spool, shipper, bus, metrics, traces. No Django."""
