"""Measures a bundle of the demo model, by the same path as photos and queries take.

Owns which pictures and texts are used and what is reported. Needs no torch: bundles run in ONNX
Runtime through the core's encoder, pictures go through the core's preprocessing.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from models.demo_clip.pictures import HELD_OUT_SPLIT, SEEN_SPLIT, VALIDATION_COUNT, scene_of
from models.demo_clip.retrieval import RANKS, FamilyPrecision, precision_by_family, recall
from models.demo_clip.truth import is_true, rows
from models.world.captions import Caption, describe, queries
from models.world.render import render
from photo_search.encoder import Encoder
from photo_search.model_bundle import ImageSpec, read_model_bundle
from photo_search.preprocess import preprocess

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from models.demo_clip.retrieval import Float32Array
    from models.world.scene import Scene

LOG = logging.getLogger("demo_clip.evaluate")

FLOAT_BUNDLE = "bundle-fp32"
COUNT = 1000  # pictures of each split
PICTURE_SIZE = (480, 320)  # as the demo's photos
FULL_CAPTION_DRAWS = 100
_SEED = 5
_CHUNK = 50
# The first ones were looked at while training; none of these decided anything.
_FIRST = {HELD_OUT_SPLIT: VALIDATION_COUNT, SEEN_SPLIT: 0}


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured.

    Attributes:
        recall: By direction and candidates, recall at 1, 5 and 10 of full captions.
        precision: Precision@10 by family over the pictures of both splits.
        by_kind: Precision@10 of the queries of family ``kind``.
        by_colour: Mean precision@10 of the queries of family ``kind_colour``.
    """

    recall: dict[str, dict[int, float]]
    precision: dict[str, FamilyPrecision]
    by_kind: dict[str, float]
    by_colour: dict[str, float]


def evaluate(directory: Path, bundle: Path, *, processes: int = 2) -> dict[str, Figures]:
    """Measure the bundle, and its float form where training has left one.

    Args:
        directory: Keeps the pictures between runs; takes figures.json and figures.md.
        bundle: The one to measure.
        processes: How many draw pictures at a time.

    Returns:
        Figures by precision, int8 or fp32.
    """
    directory.mkdir(parents=True, exist_ok=True)
    measured = read_model_bundle(bundle)
    bundles = [measured]
    if (directory / FLOAT_BUNDLE / "model.json").exists():
        float_form = read_model_bundle(directory / FLOAT_BUNDLE)
        if float_form.fingerprint == measured.fingerprint:
            bundles.append(float_form)
    figures = {
        each.precision: _measure(Encoder(each, threads=processes), directory, processes)
        for each in bundles
    }
    content = {precision: asdict(figure) for precision, figure in figures.items()}
    (directory / "figures.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    table = as_markdown(figures)
    (directory / "figures.md").write_text(table, encoding="utf-8")
    LOG.info("figures:\n%s", table)
    return figures


def _measure(encoder: Encoder, directory: Path, processes: int) -> Figures:
    scenes = {split: _scenes(split) for split in _FIRST}
    images = {}
    for split in _FIRST:
        values = _pixel_values(split, encoder.bundle.image, directory, processes)
        images[split] = np.concatenate(
            [encoder.encode_image(values[at : at + _CHUNK]) for at in range(0, COUNT, _CHUNK)]
        )
    every_scene = [scene for split in _FIRST for scene in scenes[split]]
    every_image = np.concatenate(list(images.values()))

    def encode(texts: list[str]) -> Float32Array:
        parts = [texts[at : at + _CHUNK] for at in range(0, len(texts), _CHUNK)]
        return np.concatenate([encoder.encode_text(part).embedding for part in parts])

    recalls = {}
    rng = np.random.default_rng(_SEED)
    for split in _FIRST:
        captions = [full_caption(scene, rng) for scene in scenes[split]]
        texts, said = encode([caption.text for caption in captions]), rows(captions)
        true = is_true(said, rows(scenes[split]))
        cosines = texts @ images[split].T
        recalls[f"{split}: text to image"] = recall(cosines, true)
        recalls[f"{split}: image to text"] = recall(cosines.T, true.T)
        true = is_true(said, rows(every_scene))
        recalls[f"{split}: text to image among both"] = recall(texts @ every_image.T, true)
    families = queries()
    precision = precision_by_family(families, encode, every_image, every_scene)
    return Figures(
        recall=recalls,
        precision=precision,
        by_kind=_mean_by(precision["kind"], {c.text: c.groups[0].kind for c in families["kind"]}),
        by_colour=_mean_by(
            precision["kind_colour"],
            {c.text: c.groups[0].colour or "" for c in families["kind_colour"]},
        ),
    )


def full_caption(scene: Scene, rng: np.random.Generator) -> Caption:
    """Give the caption that tells most of a scene, out of FULL_CAPTION_DRAWS."""
    draws = (describe(scene, rng) for _ in range(FULL_CAPTION_DRAWS))
    return max(draws, key=lambda caption: int((rows([caption]) >= 0).sum()))


def _scenes(split: str) -> list[Scene]:
    return [scene_of(split, _FIRST[split] + index) for index in range(COUNT)]


def _pixel_values(split: str, spec: ImageSpec, directory: Path, processes: int) -> Float32Array:
    """Draw and prepare a split's pictures, once."""
    path = directory / f"evaluation-{split}-{COUNT}.npy"
    if not path.exists():
        LOG.info("drawing %d pictures: %s", COUNT, split)
        tasks = [(scene, spec) for scene in _scenes(split)]
        with get_context("spawn").Pool(processes) as pool:
            values = np.stack(pool.map(_prepared, tasks, chunksize=_CHUNK))
        np.save(path.with_suffix(".new.npy"), values)
        path.with_suffix(".new.npy").replace(path)
    stored: Float32Array = np.load(path, mmap_mode="r")
    return stored


def _prepared(task: tuple[Scene, ImageSpec]) -> Float32Array:
    scene, spec = task
    return preprocess(render(scene, *PICTURE_SIZE), spec)


def _mean_by(figure: FamilyPrecision, group_of: Mapping[str, str]) -> dict[str, float]:
    """Average a family's queries by what they ask for."""
    groups: dict[str, list[float]] = defaultdict(list)
    for text, precision in figure.by_query.items():
        groups[str(group_of[text])].append(precision)
    return {name: float(np.mean(values)) for name, values in groups.items()}


def as_markdown(figures: Mapping[str, Figures]) -> str:
    """Write figures as the tables of the model's card."""
    first = next(iter(figures.values()))
    heads = " | ".join(figures)
    rule = "|---" * len(figures) + "|"
    lines = [f"| recall@1 / 5 / 10 of full captions | {heads} |", f"|---{rule}"]
    for name in first.recall:
        cells = [" / ".join(f"{f.recall[name][k]:.3f}" for k in RANKS) for f in figures.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"| precision@10 (queries) | {heads} | chance |", f"|---{rule}---|"]
    for family, figure in first.precision.items():
        cells = [f"{f.precision[family].precision:.3f}" for f in figures.values()]
        row = f"| {family} ({figure.query_count}) | {' | '.join(cells)} | {figure.chance:.3f} |"
        lines.append(row)
    for title, groups in (("kind", first.by_kind), ("kind_colour", first.by_colour)):
        ordered = sorted(groups.items(), key=lambda item: -item[1])
        told = ", ".join(f"{name} {value:.2f}" for name, value in ordered)
        lines += ["", f"By {'kind' if title == 'kind' else 'colour'} (family {title}): {told}."]
    return "\n".join(lines) + "\n"
