"""Recall of the sign bits on the demo model's own embeddings, for queries by words and by picture.

Run by hand; it draws for some minutes. Words are the hard case: CLIP's texts lie in another cone
than the pictures whose signs were taken.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.machine import Figure, report
from benchmarks.world import embed_scenes
from models.world.captions import queries
from models.world.scene import sample_scene
from photo_search.arrays import Float32Array
from photo_search.encoder import Encoder
from photo_search.index import EmbeddedPhoto, KnnQuery, PhotoIndex, create_index, open_index
from photo_search.model_bundle import read_model_bundle
from photo_search.photo import Photo
from photo_search.settings import read_settings

K = 20
PICTURE_QUERIES = 300
_BATCH = 1_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, embed, index, and compare with exact search."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recall", description=__doc__)
    parser.add_argument("--photos", type=int, default=20_000)
    count = parser.parse_args(arguments).photos
    encoder = Encoder(read_model_bundle(read_settings().model_dir))
    bundle = encoder.bundle
    rng = np.random.default_rng(17)
    embedding = embed_scenes(encoder, [sample_scene(rng) for _ in range(count + PICTURE_QUERIES)])
    texts = [caption.text for family in queries().values() for caption in family]
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/photos.db"
        _fill(url, embedding[PICTURE_QUERIES:], bundle.fingerprint)
        index = open_index(url, fingerprint=bundle.fingerprint)
        rows: list[Mapping[str, Figure]] = [
            {"queries": name, "count": len(asked), "photos": count} | _recall(index, asked)
            for name, asked in (
                ("words", encoder.encode_text(texts).embedding),
                ("pictures", embedding[:PICTURE_QUERIES]),
            )
        ]
        index.close()
    report("recall", rows)


def _fill(url: str, embedding: Float32Array, fingerprint: str) -> None:
    index = create_index(url, fingerprint=fingerprint, dimension=embedding.shape[1])
    for start in range(0, len(embedding), _BATCH):
        index.upsert(
            [
                EmbeddedPhoto(Photo(f"{start + row:06}", 120, 120), vector)
                for row, vector in enumerate(embedding[start : start + _BATCH])
            ]
        )
    index.close()


def _recall(index: PhotoIndex, asked: Float32Array) -> dict[str, Figure]:
    recalls = []
    for query in asked:
        found, true = (
            {
                hit.photo.photo_id
                for hit in index.knn(KnnQuery(embedding=query, k=K, exact=exact)).hits
            }
            for exact in (False, True)
        )
        recalls.append(len(found & true) / K)
    return {f"recall@{K}": float(np.mean(recalls)), "worst": float(np.min(recalls))}


if __name__ == "__main__":
    main()
