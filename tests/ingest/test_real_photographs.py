"""Real photographs, those of Debian's package mate-backgrounds (never committed)."""

from __future__ import annotations

import io
import json
import re
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from ingest.command import main
from photo_search.encoder import Encoder
from photo_search.image_limits import INGEST_LIMITS
from photo_search.images import decode_image
from photo_search.index import open_index
from photo_search.model_bundle import ModelBundle
from photo_search.search import PhotoSearch
from photo_search.search_request import SearchRequest
from tests.conftest import REPOSITORY

PHOTOGRAPHS = Path("/usr/share/backgrounds/mate")
PAGE_LIMIT_BYTES = 3 * 1024 * 1024

pytestmark = pytest.mark.slow


def uploads(path: Path) -> dict[str, bytes]:
    """The photograph as the page sends it, and re-encoded at quality 60 and half the size."""
    data = path.read_bytes()
    image = decode_image(data, limits=INGEST_LIMITS).image
    half = image.resize((image.width // 2, image.height // 2))
    image.thumbnail((1280, 1280))
    # The page shrinks what is over 3 MB before it sends it.
    sent = data if len(data) <= PAGE_LIMIT_BYTES else encoded(image, quality=90)
    return {"as sent": sent, "quality 60, half size": encoded(half, quality=60)}


def picture_name(path: str | Path) -> str:
    """Name without the size: the package has some pictures twice, as ``Elephants_3840x2160``."""
    return re.sub(r"_\d+x\d+$", "", Path(path).stem)


def encoded(image: Image.Image, *, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=quality)
    return file.getvalue()


def test_real_photographs_are_indexed_and_each_finds_itself_first(
    tmp_path: Path, demo_bundle: ModelBundle
):
    assert PHOTOGRAPHS.is_dir(), "install Debian's package mate-backgrounds"
    url = f"sqlite:///{tmp_path / 'photos.db'}"

    code = main(
        [
            *("ingest", "folder", str(PHOTOGRAPHS), "--quiet", "--index", url),
            *("--model", str(REPOSITORY / "models" / "demo")),
            *("--work", str(tmp_path / "work"), "--thumbs", str(tmp_path / "thumbs")),
        ]
    )

    report = json.loads((tmp_path / "work" / "report.json").read_text())
    assert code in {0, 1}
    assert report["found"] == report["indexed"] + report["failed"]
    assert report["indexed"] > 20
    with closing(open_index(url, fingerprint=demo_bundle.fingerprint)) as index:
        search = PhotoSearch(Encoder(demo_bundle), index)
        lost = []
        for photo_id in list(index.photo_ids()):
            path = PHOTOGRAPHS / search.photo(photo_id).path
            for name, data in uploads(path).items():
                hits = search.search(SearchRequest(image=data, k=1)).hits
                if picture_name(hits[0].photo.path) != picture_name(path):
                    lost.append((path.name, name, hits[0].photo.path, hits[0].cosine))
    print(f"{report['indexed']} of {report['found']} indexed, {report['failed_by_reason']}")
    assert lost == []
