"""Hashed n-grams of a text's bytes and words: what the classifier weighs, without a vocabulary."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Buckets = npt.NDArray[np.int64]

BITS = 17
BUCKETS = 1 << BITS
LENGTHS = (3, 4, 5)
"""How many characters n-grams of these have."""

_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_MIX = 0xD6E8FEB86659FD93
_SECOND = np.uint64(0xC2B2AE3D27D4EB4F)
_THIRD = np.uint64(0x165667B19E3779F9)
_SPACE = 0x20


def _alphabet() -> bytes:
    """For each byte the one that it counts as: capitals as small letters, figures as 0, controls as blanks."""
    table = np.arange(256, dtype=np.uint8)
    table[:33] = _SPACE
    table[ord("A") : ord("Z") + 1] += 32
    table[ord("0") : ord("9") + 1] = ord("0")
    return table.tobytes()


_AS = _alphabet()
_VALUES = np.arange(1, 257, dtype=np.uint64)
_IN_WORD = np.zeros(256, dtype=bool)
_IN_WORD[[*range(ord("a"), ord("z") + 1), ord("0"), ord("'"), *range(128, 256)]] = True


class Features(NamedTuple):
    """The n-grams of a text: their buckets, and at which byte of it they begin."""

    grams: list[npt.NDArray[np.int64]]
    """Of characters: one array for each of ``LENGTHS``; item i begins at ``places[i]``."""
    places: Places
    words: list[npt.NDArray[np.int64]]
    """Of words: single ones, neighbours, and those with one between; item i begins at ``word_places[i]``."""
    word_places: Places


@lru_cache(maxsize=4)
def _powers(size: int) -> tuple[Hashes, Hashes]:
    """The first powers of the base and of its inverse, modulo 2**64."""
    base, inverse = np.full(size, _BASE, dtype=np.uint64), np.full(size, _INVERSE, dtype=np.uint64)
    base[0] = inverse[0] = 1
    return np.cumprod(base), np.cumprod(inverse)


def _powers_for(size: int) -> tuple[Hashes, Hashes]:
    return _powers(max(4096, 1 << (size + 1).bit_length()))


@lru_cache(maxsize=4)
def _salted_inverses(size: int) -> tuple[Hashes, ...]:
    """For each of ``LENGTHS``, what makes hashes start at the first power and spreads them over the buckets."""
    return tuple(_powers(size)[1] * _salted(length) for length in LENGTHS)


def _salted(salt: int) -> np.uint64:
    """An odd factor, another for each kind of n-gram."""
    return np.uint64((_MIX * (2 * salt + 1)) & 0xFFFFFFFFFFFFFFFF)


_SALT_OF_WORDS = _salted(11)


def _buckets(hashes: Hashes) -> npt.NDArray[np.int64]:
    """The top bits, on which all lower ones of the factors have had their effect; in place."""
    hashes >>= np.uint64(64 - BITS)
    return hashes.view(np.int64)


def features(data: bytes) -> Features:
    """What the text in UTF-8 is made of; runs of blanks count as one."""
    raw = np.frombuffer(data.translate(_AS), dtype=np.uint8)
    blank = raw == _SPACE
    kept = np.ones(len(raw), dtype=bool)
    kept[1:] = ~(blank[1:] & blank[:-1])
    places = np.flatnonzero(kept)
    grams, words, starts = _of_letters(raw[places])
    return Features(grams, places, words, places[starts])


def features_of_one(data: bytes) -> tuple[Buckets, int, Buckets, int]:
    """As :func:`features`, in fewer passes and without the places: n-grams of characters and the number of characters,
    of words and the number of words.
    """
    as_they_count = data.translate(_AS)
    lean = b" ".join(as_they_count.split())
    if lean != as_they_count:
        lean = b" " * as_they_count.startswith(b" ") + lean + b" " * (lean != b"" and as_they_count.endswith(b" "))
    grams, words, starts = _of_letters(np.frombuffer(lean, dtype=np.uint8))
    return np.concatenate(grams), len(lean), np.concatenate(words), len(starts)


def _of_letters(letters: Bytes) -> tuple[list[Buckets], list[Buckets], Places]:
    """The n-grams of characters and of words, and where the words start."""
    size = len(letters)
    base, inverse = _powers_for(size)
    prefix = np.zeros(size + 1, dtype=np.uint64)
    np.cumsum(_VALUES.take(letters) * base[:size], out=prefix[1:])
    grams = [
        _buckets((prefix[n:] - prefix[:-n]) * salted[: size + 1 - n]) if size >= n else np.zeros(0, dtype=np.int64)
        for n, salted in zip(LENGTHS, _salted_inverses(len(_powers_for(size)[0])), strict=True)
    ]
    in_word = np.zeros(size + 2, dtype=bool)
    in_word[1:-1] = _IN_WORD.take(letters)
    edges = np.flatnonzero(in_word[1:] != in_word[:-1])
    starts, ends = edges[::2], edges[1::2]
    words = (prefix.take(ends) - prefix.take(starts)) * inverse.take(starts)
    second, third = words * _SECOND, words * _THIRD
    return (
        grams,
        [_buckets(words * _SALT_OF_WORDS), _buckets(second[:-1] + third[1:]), _buckets(third[:-2] + second[2:])],
        starts,
    )
