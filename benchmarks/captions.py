"""Captioned pictures of COCO and Flickr30k, from the two kinds of file that list them.

Karpathy's splits (``dataset_coco.json``, ``dataset_flickr30k.json``) are what published recall is
measured on; COCO's own ``captions_val2014.json`` and ``captions_val2017.json`` know no split.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photo_search.errors import SourceInvalid

# As in the literature: some pictures of COCO have six or seven.
CAPTIONS_EACH = 5


@dataclass(frozen=True, slots=True)
class CaptionedPicture:
    """A picture's file, and what people wrote of it: one to CAPTIONS_EACH texts."""

    file: Path
    captions: tuple[str, ...]


def read_captions(path: Path, images: Path, *, split: str) -> list[CaptionedPicture]:
    """Read which pictures there are, and look whether their files are.

    Args:
        path: A file of either kind.
        images: The directory that its file names start from, or that all files lie in.
        split: Which pictures of a file by Karpathy; COCO's own are taken whole.

    Raises:
        SourceInvalid: The file is of neither kind or has no picture of the split, a picture has no
            caption, or files are missing.
    """
    try:
        content = json.loads(path.read_bytes())
        of_coco = "annotations" in content
        named = _of_coco(content) if of_coco else _of_karpathy(content, path, split)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise SourceInvalid(msg) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        msg = f"{path} holds neither Karpathy's splits nor COCO's captions: {error!r}"
        raise SourceInvalid(msg) from error
    for name, captions in named.items():
        if not captions or not all(captions):
            msg = f"{path}: {name} has no caption, or an empty one"
            raise SourceInvalid(msg)
    pictures = [CaptionedPicture(_file(images, name), texts) for name, texts in named.items()]
    if missing := [str(one.file) for one in pictures if not one.file.is_file()]:
        msg = f"{len(missing)} of {len(pictures)} pictures are missing, the first is {missing[0]}"
        raise SourceInvalid(msg)
    return pictures


def _of_karpathy(content: Mapping[str, Any], path: Path, split: str) -> dict[Path, tuple[str, ...]]:
    counts = Counter(str(image["split"]) for image in content["images"])
    if not counts[split]:
        there = ", ".join(f"{count} of {name!r}" for name, count in sorted(counts.items()))
        msg = f"{path} has no pictures of split {split!r}, but {there or 'none at all'}"
        raise SourceInvalid(msg)
    return {
        Path(image.get("filepath", ""), image["filename"]): _first(
            [sentence["raw"] for sentence in image["sentences"]]
        )
        for image in content["images"]
        if image["split"] == split
    }


def _of_coco(content: Mapping[str, Any]) -> dict[Path, tuple[str, ...]]:
    captions: dict[int, list[str]] = defaultdict(list)
    for annotation in content["annotations"]:
        captions[annotation["image_id"]].append(annotation["caption"])
    return {Path(image["file_name"]): _first(captions[image["id"]]) for image in content["images"]}


def _first(captions: Sequence[str]) -> tuple[str, ...]:
    return tuple(caption.strip() for caption in captions[:CAPTIONS_EACH])


def _file(images: Path, name: Path) -> Path:
    """Find a picture below the directory, or right in it, whatever folder its name begins with."""
    flat = images / name.name
    return flat if flat.is_file() else images / name
