"""The command line's words: verbs, arguments, options. Knows nothing of what they do."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from photo_search.errors import SettingsError
from photo_search.s3_url import S3_SCHEME, S3Url
from photo_search.settings import DEVICES, PRECISIONS

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    Tasks: TypeAlias = _SubParsersAction[ArgumentParser]

TOP_VERBS = ("ingest", "search", "serve")
DEFAULT_WORK_DIR = Path("build/ingest")
DEFAULT_THUMBNAILS_DIR = Path("build/thumbs")
DEFAULT_DEAD_LETTERS = Path("build/dead-letters.jsonl")
DEFAULT_PORT = 8000
_LAST_PORT = 65_535
_MAX_DIGITS = 9


def parse_arguments(argv: Sequence[str] | None) -> Namespace:
    """Read the arguments; ``verb`` names what is to be done.

    Args:
        argv: The arguments; those of the process when left out.

    Raises:
        SystemExit: Help was asked for and printed (0), or the arguments are wrong (2).
    """
    return _parser().parse_args(argv)


def _parser() -> ArgumentParser:
    parser = ArgumentParser("photo-search", description="Search photos by what is in them.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    ingest = verbs.add_parser("ingest", help="embed photos, fill the index, look after both")
    tasks = ingest.add_subparsers(dest="verb", required=True, metavar="TASK")
    _add_sources(tasks)
    _add_index_tasks(tasks)
    _add_shard_tasks(tasks)

    search = verbs.add_parser("search", help="print the photos that answer a query")
    search.add_argument("text", nargs="?", metavar="TEXT", help='for example "red balloon"')
    search.add_argument("--image", type=Path, metavar="FILE", help="a picture to look for")
    search.add_argument(
        "--mode",
        choices=("semantic", "hybrid", "keyword"),
        default="semantic",
        help="by meaning (the default), by meaning and words, by words",
    )
    search.add_argument("-k", type=int, default=10, metavar="N", help="hits (default: 10)")
    search.add_argument("--json", action="store_true")
    _add_index(search)
    _add_model(search)

    serve = verbs.add_parser("serve", help="serve the page and the API on this machine")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument(
        "--port", type=_whole(0, _LAST_PORT), default=DEFAULT_PORT, metavar="N", help="0: any"
    )
    serve.add_argument(
        "--photos", type=Path, metavar="DIR", help="the originals (default: what was ingested)"
    )
    _add_index(serve)
    _add_model(serve)
    serve.add_argument("--work", type=Path, default=DEFAULT_WORK_DIR, metavar="DIR")
    serve.add_argument("--thumbs", type=Path, default=DEFAULT_THUMBNAILS_DIR, metavar="DIR")
    return parser


def _add_sources(tasks: Tasks) -> None:
    folder = tasks.add_parser("folder", help="ingest a directory tree of pictures of one's own")
    folder.add_argument("path", type=Path, metavar="DIR")
    folder.add_argument(
        "--captions",
        type=Path,
        metavar="CSV",
        help="what is known of the photos, by column path (default: captions.csv in DIR, if any)",
    )
    unsplash = tasks.add_parser("unsplash", help="ingest a directory or zip of Unsplash's data set")
    unsplash.add_argument("path", type=Path, metavar="PATH")
    unsplash.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="pictures named <photo_id>.jpg or the like (default: download them)",
    )
    bucket = tasks.add_parser("bucket", help="ingest pictures of one's own that lie in S3")
    bucket.add_argument("path", type=_bucket, metavar="s3://BUCKET[/PREFIX]")
    bucket.add_argument(
        "--part", metavar="I", help="embed this part alone, from 0; auto: as AWS Batch says"
    )
    bucket.add_argument("--parts", type=_whole(1), metavar="N", help="how many parts there are")
    for source in (folder, unsplash, bucket):
        _add_index(source)
        _add_model(source)
        _add_work(source)
        _add_thumbs(source)
        source.add_argument(
            "--device",
            choices=DEVICES,
            help="auto: CUDA where it can, otherwise the CPU (default: ENCODER_DEVICE)",
        )
        source.add_argument("--workers", type=_whole(1), metavar="N", help="default: one per CPU")
        source.add_argument(
            "--threads",
            dest="encoder_threads",
            type=_whole_or_auto,
            metavar="N",
            help="of the encoder; auto: what timing finds best (default: ENCODER_THREADS, or auto)",
        )
        source.add_argument(
            "--batch",
            type=_whole_or_auto,
            default=0,
            metavar="N",
            help="photos per call of the encoder, or auto (the default)",
        )
        source.add_argument("--quiet", action="store_true", help="no progress bar, no summary")


def _add_index_tasks(tasks: Tasks) -> None:
    load = tasks.add_parser("load", help="fill a new index from shards and swap it in")
    _add_shards(load)
    _add_index(load)
    load.add_argument(
        "--profile", metavar="NAME", help="how a server keeps embeddings (default: float)"
    )
    load.add_argument(
        "--keep",
        type=_whole(0),
        default=1,
        metavar="N",
        help="older indexes that stay for a rollback (default: 1)",
    )
    load.add_argument(
        "--threads", type=_whole(1), default=2, metavar="N", help="requests at once (default: 2)"
    )
    load.add_argument(
        "--allow-smaller", action="store_true", help="let less than half of the photos remain"
    )
    load.add_argument(
        "--dead-letters",
        type=Path,
        default=DEFAULT_DEAD_LETTERS,
        metavar="FILE",
        help=f"where refused photos are listed (default: {DEFAULT_DEAD_LETTERS})",
    )
    load.add_argument("--quiet", action="store_true", help="no progress bar, no summary")

    rollback = tasks.add_parser("rollback", help="go back to the index before the current one")
    _add_index(rollback)
    rollback.add_argument(
        "--work", type=_bucket, metavar="s3://…", help="bring what has come since from there"
    )
    rollback.add_argument(
        "--to", metavar="NAME", help="this index, older or newer (default: the one before)"
    )

    verify = tasks.add_parser("verify", help="measure recall, time and size of an index")
    _add_index(verify)
    _add_model(verify)
    verify.add_argument(
        "--queries",
        type=_whole(2),
        default=100,
        metavar="N",
        help="photos that are asked for (default: 100)",
    )
    verify.add_argument(
        "--shards",
        type=_place,
        metavar="SHARDS",
        help="what each way of storing these embeddings would cost in recall, too",
    )
    verify.add_argument(
        "--profiles",
        type=_names,
        default=(),
        metavar="NAME,NAME",
        help="fill an index of each profile from the shards, measure it, delete it",
    )


def _add_shard_tasks(tasks: Tasks) -> None:
    remove = tasks.add_parser("remove", help="take photos out for good, also of later ingests")
    remove.add_argument("photo_ids", nargs="+", metavar="PHOTO_ID")
    _add_index(remove)
    _add_work(remove)
    _add_thumbs(remove)

    restore = tasks.add_parser("restore", help="undo a removal; the next ingest brings them back")
    restore.add_argument("photo_ids", nargs="+", metavar="PHOTO_ID")
    _add_work(restore)

    compact = tasks.add_parser("compact", help="merge the shards into one file each")
    _add_work(compact)

    transform = tasks.add_parser(
        "transform", help="make smaller or centred shards, and the model that queries them"
    )
    _add_shards(transform)
    _add_model(transform)
    transform.add_argument("--out", type=Path, required=True, metavar="DIR", help="shards, model")
    transform.add_argument("--pca", type=_whole(1), metavar="N", help="dimensions to keep")
    transform.add_argument("--centre", action="store_true", help="take each modality's mean off")


def _add_shards(parser: ArgumentParser) -> None:
    parser.add_argument(
        "shards", type=_place, metavar="SHARDS", help="a directory of shards, or a work directory"
    )


def _add_index(parser: ArgumentParser) -> None:
    parser.add_argument("--index", metavar="URL", help="default: INDEX_URL")


def _add_model(parser: ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, metavar="DIR", help="default: MODEL_DIR")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="what the model must be (default: PRECISION, or any)",
    )


def _add_work(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--work", type=_place, default=DEFAULT_WORK_DIR, metavar="DIR", help="or s3://BUCKET/PREFIX"
    )


def _add_thumbs(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--thumbs",
        type=_place,
        default=DEFAULT_THUMBNAILS_DIR,
        metavar="DIR",
        help="or s3://BUCKET/PREFIX",
    )


def _place(text: str) -> Path | S3Url:
    return _bucket(text) if text.startswith(S3_SCHEME) else Path(text)


def _bucket(text: str) -> S3Url:
    try:
        return S3Url.parse(text, name="the place")
    except SettingsError as error:
        raise ArgumentTypeError(str(error)) from error


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _whole_or_auto(text: str) -> int:
    return 0 if text == "auto" else _whole(1)(text)


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
