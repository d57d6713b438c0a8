"""What guardrails look for, one package or module a family."""
