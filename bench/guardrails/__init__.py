"""How well and how fast guardrails find what they look for, on files of labelled texts."""
