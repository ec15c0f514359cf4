"""What a post-transform does to answers: which mean to take off, and how many axes to keep.

On the drawn world, where it is known which photo is right for which words. Run by hand (2 minutes);
the outcome stands in docs/decisions/0006-post-transform.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from benchmarks.machine import Figure, report
from benchmarks.world import embed_scenes
from ingest.coded_rows import nearest_by_cosine
from ingest.moments import fit_transform, measure_moments
from models.demo_clip.retrieval import precision_by_family
from models.world.captions import queries
from models.world.scene import sample_scene
from photo_search.arrays import Float32Array
from photo_search.encoder import Encoder
from photo_search.model_bundle import read_model_bundle
from photo_search.post_transform import PostTransform
from photo_search.settings import read_settings

PHOTO_COUNT = 6_000
PICTURE_QUERIES = 300
K = 10
_DIMENSIONS = (None, 96, 64, 32)


def main() -> None:
    """Draw, embed, and measure each transform."""
    encoder = Encoder(read_model_bundle(read_settings().model_dir))
    rng = np.random.default_rng(17)
    scenes = [sample_scene(rng) for _ in range(PICTURE_QUERIES + PHOTO_COUNT)]
    embedding = embed_scenes(encoder, scenes)  # (N, D)
    photos, pictures = embedding[PICTURE_QUERIES:], embedding[:PICTURE_QUERIES]
    families = queries()
    texts = [caption.text for family in families.values() for caption in family]
    words = encoder.encode_text(texts).embedding  # (T, D)
    rows: list[Mapping[str, Figure]] = []
    for name, transform in _transforms(photos, encoder.bundle.text_mean):
        moved = transform.apply_to_images(photos) if transform else photos
        moved_words = transform.apply_to_texts(words) if transform else words
        by_text = dict(zip(texts, moved_words, strict=True))
        figures = precision_by_family(
            families,
            lambda asked, by_text=by_text: np.stack([by_text[text] for text in asked]),  # type: ignore[misc]
            moved,
            scenes[PICTURE_QUERIES:],
        )
        count = sum(figure.query_count for figure in figures.values())
        moved_pictures = transform.apply_to_images(pictures) if transform else pictures
        rows.append(
            {
                "transform": name,
                "precision@10 by words": sum(
                    figure.precision * figure.query_count for figure in figures.values()
                )
                / count,
                "same top 10 by words": _agreement(photos, words, moved, moved_words),
                "by picture": _agreement(photos, pictures, moved, moved_pictures),
            }
        )
    report("centring", rows)


def _transforms(
    photos: Float32Array, text_mean: Float32Array
) -> Iterator[tuple[str, PostTransform | None]]:
    yield "none", None
    moments = measure_moments([photos], photos.shape[1])
    for dimension in _DIMENSIONS:
        axes = f"PCA-{dimension}" if dimension else "all axes"
        own = fit_transform(moments, text_mean=text_mean, dimension=dimension, centre=True)
        if dimension:
            yield (
                axes,
                fit_transform(moments, text_mean=text_mean, dimension=dimension, centre=False),
            )
        yield f"{axes}, the pictures' mean for both", replace(own, text_mean=own.image_mean)
        yield (
            f"{axes}, the pictures' mean off pictures alone",
            replace(own, text_mean=np.zeros_like(text_mean)),
        )
        yield f"{axes}, each modality's own mean", own


def _agreement(
    photos: Float32Array, asked: Float32Array, moved: Float32Array, moved_asked: Float32Array
) -> float:
    """Share of the top 10 of the embeddings as they are that is in the top 10 of the moved."""
    before, after = nearest_by_cosine(photos, asked, K), nearest_by_cosine(moved, moved_asked, K)
    shares = [len(np.intersect1d(*pair)) / K for pair in zip(before, after, strict=True)]
    return float(np.mean(shares))


if __name__ == "__main__":
    main()
