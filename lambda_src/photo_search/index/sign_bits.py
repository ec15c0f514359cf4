"""Sign bits: one bit per dimension tells on which side of the collection's centre a row lies.

A model's embeddings of pictures fill a narrow cone: signs around zero say less than signs around
the centre. The query keeps four bits per dimension; with one it would take about twice as many
candidates to the same recall. Knows nothing of where bits are stored.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from photo_search.arrays import Float16Array, Float32Array, UInt8Array

UInt64Array: TypeAlias = NDArray[np.uint64]
UInt16Array: TypeAlias = NDArray[np.uint16]

_WORD_BITS = 64
_PLANES = 4
_LEVELS = 1 << _PLANES
# Values beyond this share of the dimensions are clipped: a few outliers must not flatten the rest.
_CLIP_PERCENTILE = 98


def row_size_bytes(dimension: int) -> int:
    """Bytes that one row of packed sign bits takes: whole 64-bit words."""
    return -(-dimension // _WORD_BITS) * _WORD_BITS // 8


def pack_sign_bits(embeddings: Float16Array | Float32Array, centre: Float32Array) -> UInt8Array:
    """Pack the signs of ``embeddings - centre``.

    Args:
        embeddings: ``(B, D)``.
        centre: ``(D,)``, mean of the collection.

    Returns:
        ``(B, row_size_bytes(D))``; bits past D are 0.
    """
    return _pack(embeddings > centre)


def as_words(packed: UInt8Array) -> UInt64Array:
    """Turn packed rows ``(B, bytes)`` into words ``(W, B)``: each word's column is contiguous."""
    return np.ascontiguousarray(packed.view(np.uint64).T)


def query_planes(query: Float32Array, centre: Float32Array) -> UInt64Array:
    """Cut a query into bit planes.

    Stored rows differ little along the centre, while that direction dominates a query: taken out,
    it leaves the bits to what tells rows apart.

    Args:
        query: ``(D,)``.
        centre: ``(D,)``, the one that the rows were packed with.

    Returns:
        ``(4, W)``, the plane that counts most first: it holds the signs of the query.
    """
    centre_square = float(centre @ centre)
    along = float(query @ centre) / centre_square if centre_square else 0.0
    rest = query - np.float32(along) * centre  # (D,)
    clipped_from = len(rest) * _CLIP_PERCENTILE // 100
    largest = float(np.partition(np.abs(rest), clipped_from)[clipped_from]) or 1.0
    half = _LEVELS // 2
    codes = np.clip(np.floor(rest / largest * half) + half, 0, _LEVELS - 1).astype(np.uint8)  # (D,)
    planes = codes >> np.arange(_PLANES, dtype=np.uint8)[::-1, None] & np.uint8(1)  # (4, D)
    return _pack(planes.astype(np.bool_)).view(np.uint64)


def sign_distances(words: UInt64Array, planes: UInt64Array) -> UInt16Array:
    """Weighted Hamming distance of each row to the query; smaller means a larger inner product.

    Args:
        words: ``(W, B)``.
        planes: ``(P, W)``, the first P of a query's planes.

    Returns:
        ``(B,)``, at most ``(2**P - 1) * D``.
    """
    total = np.zeros(words.shape[1], np.uint16)
    for plane in planes:
        total <<= np.uint16(1)
        total += np.bitwise_count(words ^ plane[:, None]).sum(axis=0, dtype=np.uint16)
    return total


def _pack(bits: NDArray[np.bool_]) -> UInt8Array:
    rows, dimension = bits.shape
    packed = np.zeros((rows, row_size_bytes(dimension)), np.uint8)
    filled = np.packbits(bits, axis=1)
    packed[:, : filled.shape[1]] = filled
    return packed
