"""Pages of golden sets, evaluators, runs, gates and reviews."""
