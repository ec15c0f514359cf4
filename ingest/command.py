"""The command line: ``photo-search ingest | search | serve``. The one place with exit codes.

0 done; 1 done, with some photos skipped; 2 wrong settings or input; 70 an error of ours; 75 worth
retrying.
"""

from __future__ import annotations

import json
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ingest.arguments import parse_arguments
from ingest.exit_codes import DONE, OUR_ERROR, RETRY, SOME_SKIPPED, WRONG_INPUT
from ingest.outcomes import say, say_device
from photo_search.errors import (
    DiskFull,
    IndexUnavailable,
    PhotoSearchError,
    SettingsError,
    TooManyFailures,
)
from photo_search.s3_url import S3_SCHEME
from photo_search.settings import Settings, read_settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: The arguments; those of the process when left out.

    Returns:
        The exit code.
    """
    try:
        arguments = parse_arguments(argv)
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
    from ingest.sources import PhotoSource
    from ingest.sources.folder import FolderSource
    from ingest.sources.unsplash import UnsplashSource
    from photo_search.search import open_encoder

    source: PhotoSource | None = None
    if arguments.verb == "folder":
        here = tuple(one for one in (arguments.work, arguments.thumbs) if isinstance(one, Path))
        source = FolderSource(arguments.path, arguments.captions, excluded=here)
    elif arguments.verb == "unsplash":
        source = UnsplashSource(arguments.path, arguments.images)
    options = IngestOptions(
        index_url=settings.index_url,
        index_access=settings.index_access,
        work_dir=arguments.work,
        thumbnails_dir=arguments.thumbs,
        batch=arguments.batch,
        threads=settings.encoder_threads,
        quiet=arguments.quiet,
    )
    if arguments.workers:
        options = replace(options, workers=arguments.workers)
    if source is None or _is_in_buckets(arguments, settings):
        from ingest.cloud.bucket_job import ingest

        report, account = ingest(arguments, settings, options, source)
    else:
        encoder = open_encoder(settings, spins=False)
        say_device(encoder, quiet=arguments.quiet)
        report = run_ingest(source, encoder, options)
        account = str(arguments.work / "report.json")
    if not arguments.quiet:
        say(report.summary())
        if report.failures:
            say(f"  each is listed in {account}")
    # AWS Batch would take a part's 1 for a failure and never run the job that waits for all parts
    # and tells of every photo that was skipped.
    is_part = getattr(arguments, "part", None) is not None
    return SOME_SKIPPED if report.failures and not is_part else DONE


def _search(arguments: Namespace, settings: Settings) -> int:
    from photo_search.search import open_photo_search
    from photo_search.search_request import Mode, SearchRequest

    try:
        image = None if arguments.image is None else arguments.image.read_bytes()
    except OSError as error:
        msg = f"--image {arguments.image} cannot be read: {error.strerror}"
        raise SettingsError(msg) from error
    request = SearchRequest(
        text=arguments.text, image=image, k=arguments.k, mode=Mode(arguments.mode)
    )
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
        say(json.dumps(facts, indent=2, ensure_ascii=False))
        return DONE
    for hit in hits:
        place = hit.photo.path or hit.photo.image_url
        say(f"{hit.score:.3f}  {hit.photo.photo_id}  {place}")
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


def _upkeep(arguments: Namespace, settings: Settings) -> int:
    if _is_in_buckets(arguments, settings):
        from ingest.cloud.tasks import TASKS
    else:
        from ingest.upkeep import TASKS
    return TASKS[arguments.verb](arguments, settings)


def _is_in_buckets(arguments: Namespace, settings: Settings) -> bool:
    """Whether a place is one in S3: of photos, shards, thumbnails, or of the index."""
    places = (settings.index_url, *vars(arguments).values())
    return any(str(place).startswith(S3_SCHEME) for place in places)


VERBS: dict[str, Callable[[Namespace, Settings], int]] = {
    "folder": _ingest,
    "bucket": _ingest,
    "unsplash": _ingest,
    "search": _search,
    "serve": _serve,
    "load": _upkeep,
    "rollback": _upkeep,
    "verify": _upkeep,
    "remove": _upkeep,
    "restore": _upkeep,
    "compact": _upkeep,
    "transform": _upkeep,
}


def _settings(arguments: Namespace) -> Settings:
    """Read the environment and ``.env``; what the command line says comes first."""
    settings = read_settings(fallback=_dotenv(Path(".env")))
    given = vars(arguments)
    threads = given.get("encoder_threads")
    return replace(
        settings,
        index_url=given.get("index") or settings.index_url,
        model_dir=given.get("model") or settings.model_dir,
        precision=given.get("precision") or settings.precision,
        encoder_device=given.get("device") or settings.encoder_device,
        encoder_threads=settings.encoder_threads if threads is None else threads,
    )


def _dotenv(path: Path) -> Mapping[str, str | None]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return dotenv_values(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        msg = f"{path} cannot be read: {reason}"
        raise SettingsError(msg) from error


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")
