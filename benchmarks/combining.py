"""Words combined with a picture: plain mean against means centred by modality, on the drawn world.

A query is a picture of one place at one time of day, and the name of a kind that is not in it. A
photo is right when it shows that kind at that place and time. Run by hand; the outcome stands in
docs/decisions/0001-plain-sum-of-parts.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.machine import Figure, report
from benchmarks.world import embed_scenes
from models.world.scene import Kind, Scene, sample_scene
from photo_search.arrays import Float32Array
from photo_search.encoder import Encoder
from photo_search.model_bundle import ModelBundle, read_model_bundle
from photo_search.settings import read_settings
from photo_search.unit_norm import normalised

PHOTO_COUNT = 3_000
QUERY_COUNT = 300
K = 10
_LEAST_RELEVANT = 3


def main() -> None:
    """Render, embed, and compare the ways to combine at several weights of the words."""
    bundle = read_model_bundle(read_settings().model_dir)
    encoder = Encoder(bundle)
    rng = np.random.default_rng(11)
    scenes = [sample_scene(rng) for _ in range(PHOTO_COUNT + QUERY_COUNT)]
    embedding = embed_scenes(encoder, scenes)  # (N, D)
    photos, photo_scenes = embedding[QUERY_COUNT:], scenes[QUERY_COUNT:]
    rows: list[Mapping[str, Figure]] = []
    for name, way in _ways(bundle).items():
        for weight in (0.5, 1.0, 1.5, 2.0, 3.0):
            precision = []
            for query, scene in enumerate(scenes[:QUERY_COUNT]):
                kind = list(Kind)[query % len(Kind)]
                right = np.array([_is_right(photo, scene, kind) for photo in photo_scenes])
                if (
                    any(group.kind is kind for group in scene.groups)
                    or right.sum() < _LEAST_RELEVANT
                ):
                    continue
                words = encoder.encode_text([f"a {kind}"]).embedding[0]
                combined = way(weight * words, embedding[query], weight)  # (D,)
                best = np.argsort(-(photos @ combined))[:K]
                precision.append(right[best].sum() / min(K, right.sum()))
            rows.append(
                {"way": name, "weight of words": weight, "queries": len(precision),
                 "precision@10": float(np.mean(precision))}
            )  # fmt: skip
    report("combining", rows)


def _ways(
    bundle: ModelBundle,
) -> dict[str, Callable[[Float32Array, Float32Array, float], Float32Array]]:
    text_mean, image_mean = bundle.text_mean, bundle.image_mean

    def plain(words: Float32Array, picture: Float32Array, weight: float) -> Float32Array:
        return normalised(words + picture)

    def centred(words: Float32Array, picture: Float32Array, weight: float) -> Float32Array:
        return normalised(words - weight * text_mean + picture - image_mean)

    def centred_and_scaled(
        words: Float32Array, picture: Float32Array, weight: float
    ) -> Float32Array:
        text = normalised(words / weight - text_mean)
        return normalised(weight * text + normalised(picture - image_mean))

    return {"plain": plain, "centred": centred, "centred, then unit length": centred_and_scaled}


def _is_right(photo: Scene, asked: Scene, kind: Kind) -> bool:
    return (
        photo.landscape is asked.landscape
        and photo.time_of_day is asked.time_of_day
        and any(group.kind is kind for group in photo.groups)
    )


if __name__ == "__main__":
    main()
