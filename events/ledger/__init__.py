"""The usage ledger: one row per ended call, exact sums over them, and what is read from both.

``records`` (pure) makes rows of events, ``writing`` puts them and the rollups into PostgreSQL inside the collector's
transaction; ``spending``, ``analytics``, ``statements`` and ``what_if`` read; ``retention`` purges and erases.
"""
