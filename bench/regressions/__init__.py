"""How soon planted regressions are alerted, and how often quiet days are not left alone."""
