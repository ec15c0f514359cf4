"""Makes a bundle of a checkpoint: ``python -m models [MODEL]``, or ``make model MODEL=…``.

MODEL is a repository of the Hugging Face hub or a directory laid out like one. Exit codes: 0 done,
2 wrong input, 75 worth retrying.
"""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.exit_codes import DONE, RETRY, WRONG_INPUT
from ingest.outcomes import say
from models.errors import CheckpointUnavailable, ModelsError
from models.known_checkpoints import DEFAULT, KNOWN
from models.licences import require_licence
from models.precision import PRECISIONS
from photo_search.errors import DiskFull

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a checkpoint lies, and what the manifest says of it."""

    directory: Path
    name: str
    revision: str
    licence: str


def main(argv: Sequence[str] | None = None) -> int:
    """Make a bundle; returns the exit code."""
    options = _parse(argv)
    try:
        _make(options)
    except (ModelsError, DiskFull) as error:
        sys.stderr.write(f"models: {' '.join(str(error).split())}\n")
        return RETRY if isinstance(error, CheckpointUnavailable | DiskFull) else WRONG_INPUT
    except KeyboardInterrupt:
        sys.stderr.write("models: stopped; run the same command again to go on\n")
        return RETRY
    return DONE


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m models",
        description="Makes a bundle of a CLIP or SigLIP checkpoint.",
        epilog=_table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model", nargs="?", default=DEFAULT, help="organisation/name on the hub, or a directory"
    )
    parser.add_argument("--revision", help="branch, tag or commit; for a directory a name for it")
    parser.add_argument("--precision", choices=PRECISIONS, default="int8")
    parser.add_argument("--out", type=Path, default=Path("build/bundle"), metavar="DIRECTORY")
    parser.add_argument("--name", help="the checkpoint's name, where MODEL is a directory")
    parser.add_argument("--licence", help="its licence, where its card does not name it")
    parser.add_argument("--accept-licence", action="store_true", help="whatever the licence says")
    return parser.parse_args(argv)


def _table() -> str:
    lines = [
        "Known checkpoints: dimension, licence, download, GFLOPs of picture and text, COCO R@1"
    ]
    lines += [
        f"  {one.name:48} {one.dimension:5} {one.licence:11} {one.download_mb:5} MB "
        f"{one.image_gflops:6} {one.text_gflops:5} {one.coco_recall:5} %"
        for one in KNOWN.values()
    ]
    return "\n".join([*lines, "Any other CLIP or SigLIP works by its name."])


def _make(options: argparse.Namespace) -> None:
    source = _local(options) if Path(options.model).is_dir() else _from_hub(options)
    say(f"{source.name} at {source.revision}, licence {source.licence}: exporting")
    from transformers.utils import logging as transformers_logging

    from models.card import card
    from models.checkpoint import read_checkpoint
    from models.export import Origin, export_bundle
    from models.world_sample import world_sample

    # What both libraries warn of is either checked here or of no account.
    logging.basicConfig(level=logging.ERROR)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    checkpoint = read_checkpoint(source.directory)
    manifest = export_bundle(
        checkpoint,
        options.out,
        origin=Origin(source.name, source.revision, source.licence),
        sample=world_sample(checkpoint),
        precision=options.precision,
    )
    text = card(manifest, KNOWN.get(source.name))
    (options.out / "CARD.md").write_text(text, encoding="utf-8")
    size_mb = sum(facts["size_bytes"] for facts in manifest["files"].values()) / 1e6
    say(
        f"{options.out}: {manifest['precision']}, {size_mb:.0f} MB, {manifest['dimension']} "
        f"dimensions; top-10 overlap with fp32 {manifest['agreement']['top10_overlap']}"
    )


def _local(options: argparse.Namespace) -> _Source:
    from models.hub import licence_on_card

    directory = Path(options.model)
    name = options.name or directory.resolve().name
    licence = _licence(options, name, licence_on_card(directory))
    return _Source(directory, name, options.revision or "local", licence)


def _from_hub(options: argparse.Namespace) -> _Source:
    from models.hub import download, find_repository

    repository = find_repository(options.model, options.revision or "main")
    licence = _licence(options, repository.name, repository.licence)
    say(f"{repository.name} at {repository.revision}, licence {licence}: downloading")
    return _Source(download(repository), repository.name, repository.revision, licence)


def _licence(options: argparse.Namespace, name: str, on_card: str | None) -> str:
    known = KNOWN[name].licence if name in KNOWN else None
    licence = options.licence or known or on_card
    return require_licence(name, licence, accepted=options.accept_licence)


if __name__ == "__main__":
    raise SystemExit(main())
