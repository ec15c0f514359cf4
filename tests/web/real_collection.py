"""A small real collection: drawn, ingested by the job and served by the laptop's server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from models.world.render import render
from models.world.scene import Colour, Group, Kind, Landscape, Position, Scene, TimeOfDay, Weather

ROOT = Path(__file__).parents[2]
PHOTOGRAPH = Scene(
    Landscape.MEADOW,
    TimeOfDay.DAY,
    Weather.CLEAR,
    (Group(Kind.BALLOON, Colour.RED, 2, Position.RIGHT),),
    seed=11,
)
ROTATED_BY_CAMERA = 6  # EXIF orientation: to be turned by 90° clockwise


def draw_photograph(path: Path) -> None:
    """Write 12 MB of JPEG as a camera held upright does: lying pixels, EXIF that turns them."""
    upright = render(PHOTOGRAPH, 900, 1200).resize((3600, 4800), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(5).integers(-17, 18, (4800, 3600, 3), dtype=np.int16)
    pixels = np.clip(np.asarray(upright, dtype=np.int16) + grain, 0, 255).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = ROTATED_BY_CAMERA
    lying = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    lying.save(path, "JPEG", quality=97, exif=exif)


def draw_photos(photos: Path, *, count: int) -> None:
    """Draw the first photos of a collection; those that are there are left alone."""
    _run("models.world.collection", str(photos), "--count", str(count), "--seed", "3")


def ingest(photos: Path, directory: Path) -> None:
    """Index a folder of photos; everything that is made lies in ``directory``."""
    places = ["--index", _index_url(directory), "--work", str(directory / "work")]
    thumbnails = ["--thumbs", str(directory / "thumbs")]
    _run("ingest", "folder", str(photos), "--quiet", *places, *thumbnails)


@contextmanager
def serving(photos: Path, directory: Path) -> Iterator[str]:
    """Serve an indexed collection on a free port; gives the page's address."""
    command = [sys.executable, "-m", "ingest", "serve", "--port", "0", "--photos", str(photos)]
    with subprocess.Popen(
        [*command, "--thumbs", str(directory / "thumbs")],
        cwd=ROOT,
        env=_environment(INDEX_URL=_index_url(directory)),
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            yield line.split()[2]
        finally:
            server.terminate()
            server.wait(timeout=20)


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height of a JPEG as stored."""
    with Image.open(BytesIO(data)) as image:
        return image.size


def _run(module: str, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, env=_environment(), check=True
    )


def _index_url(directory: Path) -> str:
    return f"sqlite:///{directory / 'photos.db'}"


def _environment(**settings: str) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'lambda_src'}",
        "MODEL_DIR": str(ROOT / "models" / "demo"),
        **settings,
    }
