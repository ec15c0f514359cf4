"""Draws the demo's photos: ``python -m models.world.collection build/demo/photos``.

Each picture follows from seed and number alone, so a run that was stopped goes on where it was,
with any number of processes. What is complete is left alone until the drawing code changes.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from argparse import ArgumentParser
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.world.captions import caption
from models.world.credits import LICENCE, invent_credit, keywords
from models.world.scene import Scene, sample_scene
from photo_search.cpus import usable_cpus

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNT = 1200
SEED = 20
JPEG_QUALITY = 88
# Who describes a photo tells most of what is in it: the longest of so many captions.
CAPTION_DRAWS = 20
_SIZES = ((480, 320), (320, 480), (480, 360), (400, 400), (512, 288))
_SIZE_SHARES = (0.45, 0.2, 0.15, 0.1, 0.1)
# Hidden, so that ingest does not list it among the files that are no pictures.
_MARK_NAME = ".drawn.json"
_CHUNK = 8
COLUMNS = (
    "path",
    "description",
    "keywords",
    "photographer",
    "place",
    "city",
    "country",
    "taken_at",
    "licence",
)


def draw_collection(directory: Path, *, count: int, seed: int, processes: int) -> int:
    """Draw what is missing, then write ``captions.csv``.

    Args:
        directory: Where the photos go; pictures of another seed or drawing code are replaced.
        count: Number of photos.
        seed: Another seed gives another collection.
        processes: How many draw at a time.

    Returns:
        Number of photos drawn now.
    """
    directory.mkdir(parents=True, exist_ok=True)
    mark = directory / _MARK_NAME
    recipe = {"seed": seed, "code": _code_digest()}
    state = _read_mark(mark)
    if state == recipe | {"count": count, "complete": True}:
        return 0
    if {name: state.get(name) for name in recipe} != recipe:
        for path in directory.glob("[0-9]*.jpg"):
            path.unlink()
    _write(mark, json.dumps(recipe | {"count": count, "complete": False}).encode())
    for path in directory.glob("[0-9]*.jpg"):
        if int(path.stem) >= count:
            path.unlink()
    missing = [number for number in range(count) if not _path(directory, number).exists()]
    if missing:
        task = partial(_draw, directory, seed)
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            for _ in pool.map(task, missing, chunksize=_CHUNK):
                pass
    _write_captions(directory / "captions.csv", count=count, seed=seed)
    _write(mark, json.dumps(recipe | {"count": count, "complete": True}).encode())
    return len(missing)


def scene_of(number: int, *, seed: int) -> tuple[Scene, np.random.Generator]:
    """Give a photo's scene, and the source of chance for everything else about it."""
    rng = np.random.default_rng([seed, number])
    return sample_scene(rng), rng


def _draw(directory: Path, seed: int, number: int) -> None:
    from models.world.render import render

    scene, rng = scene_of(number, seed=seed)
    width, height = _SIZES[int(rng.choice(len(_SIZES), p=_SIZE_SHARES))]
    path = _path(directory, number)
    partial_path = path.with_suffix(".partial")
    render(scene, width, height).save(partial_path, format="JPEG", quality=JPEG_QUALITY)
    partial_path.replace(path)


def _path(directory: Path, number: int) -> Path:
    return directory / f"{number:05}.jpg"


def _write_captions(path: Path, *, count: int, seed: int) -> None:
    partial_path = path.with_suffix(".partial")
    with partial_path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(count):
            scene, _ = scene_of(number, seed=seed)
            # A stream of its own: a new fact must not change the picture's size.
            rng = np.random.default_rng([seed, number, 1])
            credit = invent_credit(scene, rng)
            text = max((caption(scene, rng) for _ in range(CAPTION_DRAWS)), key=len)
            writer.writerow(
                (
                    _path(path.parent, number).name,
                    text[0].upper() + text[1:],
                    ";".join(keywords(scene)),
                    credit.photographer,
                    credit.place,
                    credit.city,
                    credit.country,
                    credit.taken_at.isoformat(),
                    LICENCE,
                )
            )
    partial_path.replace(path)


def _read_mark(mark: Path) -> dict[str, object]:
    try:
        state = json.loads(mark.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return dict(state)


def _write(path: Path, data: bytes) -> None:
    partial_path = path.with_suffix(".partial")
    partial_path.write_bytes(data)
    partial_path.replace(path)


def _code_digest() -> str:
    """Identify the drawing code, so that pictures of an older one are drawn again."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line and draw; returns the exit code."""
    parser = ArgumentParser("python -m models.world.collection", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=usable_cpus())
    given = parser.parse_args(argv)
    drawn = draw_collection(
        given.directory, count=given.count, seed=given.seed, processes=given.processes
    )
    sys.stdout.write(f"{drawn} photos drawn, {given.count} in {given.directory}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
