"""Answers that rest on documents (``mode: "rag"``): find passages, screen and fence them, cite and judge the answer."""
