"""Writes a bundle that is another with a post-transform after its towers."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from ingest.atomic_file import make_directory, remove_partial_files, replacing
from photo_search.arrays import Float32Array
from photo_search.checksums import manifest_sha256
from photo_search.model_bundle import (
    MANIFEST_NAME,
    ModelBundle,
)
from photo_search.post_transform import (
    PostTransform,
    transformed_fingerprint,
    write_post_transform,
)

TRANSFORM_NAME = "post_transform.npz"
_MEAN_DECIMALS = 6  # as the exporter writes them


def write_transformed_bundle(
    bundle: ModelBundle, transform: PostTransform, directory: Path
) -> None:
    """Write a bundle with the same towers and a transform after them; the manifest comes last.

    Args:
        bundle: One without a transform.
        transform: What to apply to its embeddings.
        directory: Made where there is none; files of other names there stay.

    Raises:
        DiskFull: There is no room.
        SettingsError: The directory cannot be made.
    """
    make_directory(directory)
    remove_partial_files(directory)
    manifest: dict[str, Any] = json.loads((bundle.directory / MANIFEST_NAME).read_bytes())
    for name in manifest["files"]:
        with replacing(directory / name) as partial:
            shutil.copyfile(bundle.directory / name, partial)
    with replacing(directory / TRANSFORM_NAME) as partial, partial.open("wb") as file:
        write_post_transform(file, transform)
    moved = _transformed_manifest(manifest, bundle, transform, directory / TRANSFORM_NAME)
    with replacing(directory / MANIFEST_NAME) as partial:
        partial.write_text(json.dumps(moved, indent=1) + "\n", encoding="utf-8")


def _transformed_manifest(
    manifest: dict[str, Any], bundle: ModelBundle, transform: PostTransform, path: Path
) -> dict[str, Any]:
    content = path.read_bytes()
    text_mean, image_mean = transform.moved_means(bundle.text_mean, bundle.image_mean)
    moved = manifest | {
        "dimension": transform.dimension_out,
        "mean_embedding": {"text": _as_list(text_mean), "image": _as_list(image_mean)},
        "fingerprint": transformed_fingerprint(bundle.fingerprint, transform),
        "post_transform": {
            "file": TRANSFORM_NAME,
            "kind": transform.kind,
            "dimension_in": transform.dimension_in,
            "source_fingerprint": bundle.fingerprint,
        },
        "files": manifest["files"]
        | {
            TRANSFORM_NAME: {
                "sha256": hashlib.sha256(content).hexdigest(),
                "size_bytes": len(content),
            }
        },
    }
    return moved | {"manifest_sha256": manifest_sha256(moved)}


def _as_list(mean: Float32Array) -> list[float]:
    return [round(float(value), _MEAN_DECIMALS) for value in mean]
