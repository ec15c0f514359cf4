from __future__ import annotations

import csv

from PIL import Image

from ingest.sources.folder import FolderSource
from models.world.collection import draw_collection


def contents(directory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_the_same_seed_draws_the_same_photos_with_any_number_of_processes(tmp_path):
    draw_collection(tmp_path / "a", count=5, seed=3, processes=1)
    draw_collection(tmp_path / "b", count=5, seed=3, processes=2)

    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_what_is_drawn_is_left_alone_and_what_is_missing_is_drawn(tmp_path):
    assert draw_collection(tmp_path, count=4, seed=3, processes=1) == 4
    before = contents(tmp_path)
    assert draw_collection(tmp_path, count=4, seed=3, processes=1) == 0

    (tmp_path / "00002.jpg").unlink()
    (tmp_path / "captions.csv").unlink()
    (tmp_path / ".drawn.json").unlink()
    draw_collection(tmp_path, count=4, seed=3, processes=1)

    assert contents(tmp_path) == before


def test_another_seed_or_count_replaces_the_collection(tmp_path):
    draw_collection(tmp_path, count=4, seed=3, processes=1)
    first = (tmp_path / "00000.jpg").read_bytes()

    draw_collection(tmp_path, count=2, seed=4, processes=1)

    assert (tmp_path / "00000.jpg").read_bytes() != first
    assert len(list(tmp_path.glob("*.jpg"))) == 2


def test_every_photo_has_the_facts_of_a_real_collection(tmp_path):
    draw_collection(tmp_path, count=6, seed=3, processes=1)

    with (tmp_path / "captions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    listing = FolderSource(tmp_path).list_photos()

    assert len(rows) == len(listing.photos) == 6
    assert all(all(row.values()) for row in rows)
    assert listing.notes == []
    assert all(photo.photo.taken_at for photo in listing.photos)
    for path in tmp_path.glob("*.jpg"):
        with Image.open(path) as image:
            assert max(image.size) <= 512
