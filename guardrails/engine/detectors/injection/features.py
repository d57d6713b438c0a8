"""Hashed n-grams of a text's bytes and words: what the classifier weighs, without a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
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
_TWO_BLANKS = b"  "
_ONE = np.uint64(1)


def _alphabet() -> bytes:
    """For each byte the one that it counts as: capitals as small letters, figures as 0, controls as blanks."""
    table = np.arange(256, dtype=np.uint8)
    table[:33] = _SPACE
    table[ord("A") : ord("Z") + 1] += 32
    table[ord("0") : ord("9") + 1] = ord("0")
    return table.tobytes()


_AS = _alphabet()
_SHIFT = np.uint64(64 - BITS)


def _in_word() -> bytes:
    """For each byte 1 where it is part of a word, else 0."""
    table = np.zeros(256, dtype=np.uint8)
    table[[*range(ord("a"), ord("z") + 1), ord("0"), ord("'"), *range(128, 256)]] = 1
    return table.tobytes()


_IN_WORD = _in_word()


class Features(NamedTuple):
    """The n-grams of a text, and how many of them begin before some places in it."""

    grams: Buckets
    """Of characters: those of each of ``LENGTHS`` behind one another."""
    gram_ends: Sequence[int]
    """Where those of each length end."""
    characters: Places
    """Before each of the places that were asked for: of each length, so many n-grams begin there, if there are."""
    words: Buckets
    """Of words: single ones, neighbours, and those with one between, behind one another."""
    word_ends: Sequence[int]
    words_before: Places
    """As ``characters``."""


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


def _buckets(hashes: Hashes) -> Buckets:
    """The top bits, on which all lower ones of the factors have had their effect; in place."""
    np.right_shift(hashes, _SHIFT, out=hashes)
    return hashes.view(np.int64)


def features(data: bytes, places: Sequence[int]) -> Features:
    """What the text in UTF-8 is made of; runs of blanks count as one.

    Args:
        data: the text.
        places: bytes of it, ascending.
    """
    pieces: list[bytes] = []
    before = [0]
    for start, end in pairwise((0, *places, len(data))):
        piece = _lean(data[start:end])
        if pieces and piece[:1] == b" " == pieces[-1][-1:]:
            piece = piece[1:]
        if piece:
            pieces.append(piece)
        before.append(before[-1] + len(piece))
    grams, gram_ends, words, word_ends, starts = _of_letters(b"".join(pieces))
    characters = np.array(before[1:-1], dtype=np.int64)
    return Features(grams, gram_ends, characters, words, word_ends, np.searchsorted(starts, characters))


def features_of_one(data: bytes) -> tuple[Buckets, int, Buckets, int]:
    """As :func:`features`, without places: n-grams of characters and the number of characters, of words and the number
    of words.
    """
    lean = _lean(data)
    grams, _, words, _, starts = _of_letters(lean)
    return grams, len(lean), words, len(starts)


def _lean(data: bytes) -> bytes:
    lean = data.translate(_AS)
    while _TWO_BLANKS in lean:
        lean = lean.replace(_TWO_BLANKS, b" ")
    return lean


def _of_letters(letters: bytes) -> tuple[Buckets, Sequence[int], Buckets, Sequence[int], Places]:
    """The n-grams of characters, those of each of ``LENGTHS`` behind one another, and where they end; the same of
    words; and where the words start.

    Each step is one pass over all of them, into room that is taken once: texts are short, and most of the time would
    go into passes and not into what they do.
    """
    size = len(letters)
    base, inverse = _powers_for(size)
    prefix = np.empty(size + 1, dtype=np.uint64)
    prefix[0] = 0
    values = prefix[1:]
    np.add(np.frombuffer(letters, dtype=np.uint8), _ONE, out=values)
    values *= base[:size]
    np.add.accumulate(prefix, out=prefix)
    counts = [max(size + 1 - n, 0) for n in LENGTHS]
    ends = tuple(accumulate(counts))
    grams = np.empty(ends[-1], dtype=np.uint64)
    for n, salted, end, count in zip(LENGTHS, _salted_inverses(len(base)), ends, counts, strict=True):
        if count:
            part = grams[end - count : end]
            np.subtract(prefix[n:], prefix[:-n], out=part)
            part *= salted[:count]
    words, word_ends, starts = _of_words(letters, prefix, inverse)
    return _buckets(grams), ends, words, word_ends, starts


def _of_words(letters: bytes, prefix: Hashes, inverse: Hashes) -> tuple[Buckets, Sequence[int], Places]:
    in_word = np.frombuffer(b"\0%b\0" % letters.translate(_IN_WORD), dtype=np.uint8)
    edges = np.flatnonzero(in_word[1:] != in_word[:-1])
    starts, ends = edges[::2], edges[1::2]
    hashes = prefix.take(ends)
    hashes -= prefix.take(starts)
    hashes *= inverse.take(starts)
    second, third = hashes * _SECOND, hashes * _THIRD
    number = len(starts)
    word_ends = (number, number + max(number - 1, 0), number + max(number - 1, 0) + max(number - 2, 0))
    words = np.empty(word_ends[-1], dtype=np.uint64)
    np.multiply(hashes, _SALT_OF_WORDS, out=words[:number])
    np.add(second[:-1], third[1:], out=words[number : word_ends[1]])
    np.add(third[:-2], second[2:], out=words[word_ends[1] :])
    return _buckets(words), word_ends, starts
