"""Texts judged by a model against a criterion in words, through the gateway itself."""
