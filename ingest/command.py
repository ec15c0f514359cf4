"""The command line: ``photo-search ingest | search | serve``. The one place with exit codes.

0 done; 1 done, with some photos skipped; 2 wrong settings or input; 70 an error of ours; 75 worth
retrying.
"""

from __future__ import annotations

import json
import sys
import traceback
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from photo_search.errors import (
    DiskFull,
    IndexUnavailable,
    PhotoSearchError,
    SettingsError,
    TooManyFailures,
)
from photo_search.settings import Settings, read_settings

DONE, SOME_SKIPPED, WRONG_INPUT, OUR_ERROR, RETRY = 0, 1, 2, 70, 75
DEFAULT_WORK_DIR = Path("build/ingest")
DEFAULT_THUMBNAILS_DIR = Path("build/thumbs")
DEFAULT_PORT = 8000
_LAST_PORT = 65_535
_MAX_DIGITS = 9


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: The arguments; those of the process when left out.

    Returns:
        The exit code.
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse has printed the help or what is wrong
        return DONE if stop.code is None else int(stop.code)
    verb: Callable[[Namespace, Settings], int] = VERBS[arguments.verb]
    try:
        return verb(arguments, _settings(arguments))
    except PhotoSearchError as error:
        _complain(f"photo-search: {error}")
        return exit_code(error)
    except KeyboardInterrupt:
        _complain("photo-search: stopped; run the same command again to go on")
        return RETRY
    except Exception:  # noqa: BLE001 - printed whole
        # Python's own exit code of a traceback is 1, which would say that all but some is done.
        traceback.print_exc()
        return OUR_ERROR


def exit_code(error: PhotoSearchError) -> int:
    """Tell whether another try makes sense."""
    if isinstance(error, TooManyFailures):
        return RETRY if error.transient else WRONG_INPUT
    return RETRY if isinstance(error, DiskFull | IndexUnavailable) else WRONG_INPUT


def _ingest(arguments: Namespace, settings: Settings) -> int:
    # The job's libraries are imported by the verb that needs them, not by a search.
    from ingest.job import IngestOptions, run_ingest
    from ingest.sources.folder import FolderSource
    from ingest.sources.unsplash import UnsplashSource
    from photo_search.encoder import Encoder
    from photo_search.model_bundle import read_model_bundle

    source = (
        FolderSource(
            arguments.path, arguments.captions, excluded=(arguments.work, arguments.thumbs)
        )
        if arguments.source == "folder"
        else UnsplashSource(arguments.path, arguments.images)
    )
    options = IngestOptions(
        index_url=settings.index_url,
        work_dir=arguments.work,
        thumbnails_dir=arguments.thumbs,
        batch=arguments.batch,
        quiet=arguments.quiet,
    )
    if arguments.workers:
        options = replace(options, workers=arguments.workers)
    encoder = Encoder(read_model_bundle(settings.model_dir), threads=settings.encoder_threads)
    report = run_ingest(source, encoder, options)
    if not arguments.quiet:
        _say(report.summary())
        if report.failures:
            _say(f"  each is listed in {arguments.work / 'report.json'}")
    return SOME_SKIPPED if report.failures else DONE


def _search(arguments: Namespace, settings: Settings) -> int:
    from photo_search.search import open_photo_search
    from photo_search.search_request import SearchRequest

    try:
        image = None if arguments.image is None else arguments.image.read_bytes()
    except OSError as error:
        msg = f"--image {arguments.image} cannot be read: {error.strerror}"
        raise SettingsError(msg) from error
    request = SearchRequest(text=arguments.text, image=image, k=arguments.k)
    hits = open_photo_search(settings).search(request).hits
    if arguments.json:
        facts = [
            {
                "photo_id": hit.photo.photo_id,
                "score": hit.score,
                "cosine": hit.cosine,
                "path": hit.photo.path,
                "image_url": hit.photo.image_url,
                "description": hit.photo.description,
            }
            for hit in hits
        ]
        _say(json.dumps(facts, indent=2, ensure_ascii=False))
        return DONE
    for hit in hits:
        place = hit.photo.path or hit.photo.image_url
        _say(f"{hit.score:.3f}  {hit.photo.photo_id}  {place}")
    return DONE


def _serve(arguments: Namespace, settings: Settings) -> int:
    from ingest.collection import photos_root
    from local.server import run

    return run(
        settings=settings,
        photos_root=_existing(arguments.photos) or photos_root(arguments.work),
        thumbs_dir=arguments.thumbs,
        host=arguments.host,
        port=arguments.port,
    )


def _existing(directory: Path | None) -> Path | None:
    if directory is not None and not directory.is_dir():
        msg = f"--photos {directory} is no directory"
        raise SettingsError(msg)
    return directory


VERBS: dict[str, Callable[[Namespace, Settings], int]] = {
    "ingest": _ingest,
    "search": _search,
    "serve": _serve,
}


def _settings(arguments: Namespace) -> Settings:
    """Read the environment; what the command line says comes first."""
    settings = read_settings()
    return replace(
        settings,
        index_url=arguments.index or settings.index_url,
        model_dir=arguments.model or settings.model_dir,
    )


def _parser() -> ArgumentParser:
    parser = ArgumentParser("photo-search", description="Search photos by what is in them.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    ingest = verbs.add_parser("ingest", help="embed photos and fill the index")
    sources = ingest.add_subparsers(dest="source", required=True, metavar="SOURCE")
    folder = sources.add_parser("folder", help="a directory tree of pictures of one's own")
    folder.add_argument("path", type=Path, metavar="DIR")
    folder.add_argument(
        "--captions",
        type=Path,
        metavar="CSV",
        help="what is known of the photos, by column path (default: captions.csv in DIR, if any)",
    )
    unsplash = sources.add_parser("unsplash", help="a directory or zip of Unsplash's data set")
    unsplash.add_argument("path", type=Path, metavar="PATH")
    unsplash.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="pictures named <photo_id>.jpg or the like (default: download them)",
    )
    for source in (folder, unsplash):
        _add_places(source)
        _add_directories(source)
        source.add_argument("--workers", type=_whole(1), metavar="N", help="default: one per CPU")
        source.add_argument("--batch", type=_whole(1), default=32, metavar="N")
        source.add_argument("--quiet", action="store_true", help="no progress bar, no summary")

    search = verbs.add_parser("search", help="print the photos that answer a query")
    search.add_argument("text", nargs="?", metavar="TEXT", help='for example "red balloon"')
    search.add_argument("--image", type=Path, metavar="FILE", help="a picture to look for")
    search.add_argument("-k", type=int, default=10, metavar="N", help="hits (default: 10)")
    search.add_argument("--json", action="store_true")
    _add_places(search)

    serve = verbs.add_parser("serve", help="serve the page and the API on this machine")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument(
        "--port", type=_whole(0, _LAST_PORT), default=DEFAULT_PORT, metavar="N", help="0: any"
    )
    serve.add_argument(
        "--photos", type=Path, metavar="DIR", help="the originals (default: what was ingested)"
    )
    _add_places(serve)
    _add_directories(serve)
    return parser


def _add_places(parser: ArgumentParser) -> None:
    parser.add_argument("--index", metavar="URL", help="default: INDEX_URL")
    parser.add_argument("--model", type=Path, metavar="DIR", help="default: MODEL_DIR")


def _add_directories(parser: ArgumentParser) -> None:
    parser.add_argument("--work", type=Path, default=DEFAULT_WORK_DIR, metavar="DIR")
    parser.add_argument("--thumbs", type=Path, default=DEFAULT_THUMBNAILS_DIR, metavar="DIR")


def _whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Make a reader of whole numbers from ``least`` to ``most``."""

    def read(text: str) -> int:
        number = int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else -1
        if number < least or (most is not None and number > most):
            span = f"of at least {least}" if most is None else f"from {least} to {most}"
            msg = f"{text[:20]!r} is no whole number {span}"
            raise ArgumentTypeError(msg)
        return number

    return read


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")
