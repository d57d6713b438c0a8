"""Embeddings of short texts on the processor, in about a tenth of a millisecond, from files inside a wheel.

The model (wordllama's ``l2_supercat_256``, MIT licence) has one vector a token; a text is their mean. Its own loader
asks a hub for the tokenizer, so the two files are read here; the package itself is not imported.
"""

from __future__ import annotations

import importlib.util
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from tokenizers import Tokenizer

from embeddings.base import EmbeddingModelMissing as EmbeddingModelMissing
from embeddings.base import Vectors

DIMENSIONS: Final = 256
MAX_TOKENS: Final = 256
"""A longer text is judged by its beginning and its end: questions stand at either."""

Vector = np.ndarray[Any, np.dtype[np.float32]]

_WEIGHTS: Final = "weights/l2_supercat_256.safetensors"
_TOKENIZER: Final = "tokenizers/l2_supercat_tokenizer_config.json"


class Embedder:
    """Texts to unit vectors; safe to share between threads."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or _folder()
        self._tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._table = _table(folder / _WEIGHTS)

    def tokens(self, text: str) -> list[int]:
        """The text's tokens, at most :data:`MAX_TOKENS`."""
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        if len(found) > MAX_TOKENS:
            found = found[: MAX_TOKENS // 2] + found[-MAX_TOKENS // 2 :]
        return found

    def of_tokens(self, tokens: list[int]) -> Vector:
        """The mean of the tokens' vectors, of length 1; zeros where there are none."""
        return unit(self.sum_of(tokens))

    def sum_of(self, tokens: list[int]) -> Vector:
        """The sum of the tokens' vectors: those of two texts added are that of both together."""
        total: Vector = self._table[tokens].sum(axis=0, dtype=np.float32)
        return total

    def embed(self, text: str) -> Vector:
        """The text's vector."""
        return self.of_tokens(self.tokens(text))

    @property
    def tokenizer(self) -> Tokenizer:
        """What texts are measured by."""
        return self._tokenizer


class StaticTexts:
    """:class:`embeddings.base.TextEmbedder`: whole passages, of which every token counts."""

    version: Final = "l2_supercat_256"
    dimensions: Final = DIMENSIONS

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._embedder = embedder or shared_embedder()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors, in order."""
        sums = np.zeros((len(texts), DIMENSIONS), np.float32)
        encoded = self._embedder.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        for place, one in enumerate(encoded):
            sums[place] = self._embedder.sum_of(one.ids)
        return unit(sums)


def unit(vectors: Vector) -> Vector:
    """One vector, or one a row, at length 1; what is zero stays so."""
    lengths = np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True))
    scaled: Vector = vectors / np.maximum(lengths, np.float32(1e-12))
    return scaled


_lock: Final = threading.Lock()
_shared: Embedder | None = None


def shared_embedder() -> Embedder:
    """The process's one copy of the model (16 MB, mapped), opened at its first use.

    Raises:
        EmbeddingModelMissing: the package with the model is not installed.
    """
    global _shared
    with _lock:
        if _shared is None:
            _shared = Embedder()
        return _shared


def _folder() -> Path:
    found = importlib.util.find_spec("wordllama")
    if found is None or found.origin is None:
        raise EmbeddingModelMissing("Embeddings need the package wordllama.")
    return Path(found.origin).parent


def _table(path: Path) -> np.ndarray[Any, np.dtype[np.float16]]:
    """The only tensor of a safetensors file: eight bytes of length, a JSON header, then the numbers."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = msgspec.json.decode(file.read(length))
        header.pop("__metadata__", None)
        [tensor] = header.values()
        if tensor["dtype"] != "F16":
            raise EmbeddingModelMissing(f"{path.name} holds {tensor['dtype']}, not F16.")
        start, _end = tensor["data_offsets"]
    # Mapped, not read: the workers of a machine share its pages, and those of tokens that nobody uses stay on disk.
    return np.memmap(path, np.float16, "r", 8 + length + start, tuple(tensor["shape"]))
