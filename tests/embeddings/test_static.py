"""Texts as vectors by the model in a wheel."""

from __future__ import annotations

import numpy as np

from embeddings.static import MAX_TOKENS, shared_embedder


def test_paraphrases_are_nearer_than_other_questions() -> None:
    embedder = shared_embedder()
    one = embedder.embed("How do I reset my password?")
    same, other = embedder.embed("How can I reset my password?"), embedder.embed("What is the capital of Peru?")
    assert one @ same > 0.8 > 0.3 > one @ other
    assert abs(float(np.linalg.norm(one)) - 1) < 1e-5


def test_a_text_without_tokens_is_like_nothing() -> None:
    assert not shared_embedder().embed("").any()


def test_of_a_long_text_the_beginning_and_the_end_are_read() -> None:
    embedder = shared_embedder()
    text = "alpha " * 400 + "omega " * 400
    tokens = embedder.tokens(text)
    assert len(tokens) == MAX_TOKENS
    assert tokens[:3] == embedder.tokens(text[:60])[:3]
    assert tokens[-3:] == embedder.tokens(text[-60:])[-3:]


def test_there_is_one_copy_of_the_model_in_a_process() -> None:
    assert shared_embedder() is shared_embedder()
