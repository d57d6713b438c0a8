"""What calls do, by the minute: counts, cost and latencies that live pages read. Sums of the ledger, never its rows."""
