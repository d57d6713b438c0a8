"""What every model on the processor can do, whatever it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

Vectors = np.ndarray[Any, np.dtype[np.float32]]
"""A row a text, each of length 1; zeros where a text has no tokens."""


class EmbeddingModelMissing(RuntimeError):
    """The package with the model is not installed; the message says which."""


class TextEmbedder(Protocol):
    """Texts to vectors; safe to share between threads."""

    @property
    def version(self) -> str:
        """Another one whenever vectors are no longer comparable with those made before."""

    @property
    def dimensions(self) -> int:
        """Of each vector."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors, in order."""
