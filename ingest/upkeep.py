"""The command line's tasks for what is there already: indexes and shards."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.exit_codes import DONE, SOME_SKIPPED
from ingest.outcomes import (
    counted,
    say,
    say_compacted,
    say_loaded,
    say_removed,
    say_restored,
)
from ingest.places import server_connection, shards_directory
from ingest.shard_files import space_directories
from ingest.shard_reader import ShardReader
from photo_search.device import require_precision
from photo_search.errors import (
    FingerprintMismatch,
    IndexNotFound,
    SettingsError,
)
from photo_search.index import PhotoIndex, create_index, open_index
from photo_search.index.url import OpenSearchUrl, parse_index_url
from photo_search.model_bundle import ModelBundle, read_model_bundle
from photo_search.settings import Settings

if TYPE_CHECKING:
    from ingest.verify import IndexFigure


def load(arguments: Namespace, settings: Settings) -> int:
    """Fill an index from shards: a new one beside the old one, or a file in place."""
    shards = shards_directory(arguments.shards)
    place = parse_index_url(settings.index_url)
    if not isinstance(place, OpenSearchUrl):
        return _load_file(shards, settings, arguments)
    from ingest.load import note_filled
    from ingest.reindex import LoadOptions
    from ingest.reindex import load as load_beside

    options = LoadOptions(
        keep=arguments.keep,
        threads=arguments.threads,
        allow_smaller=arguments.allow_smaller,
        dead_letters=arguments.dead_letters,
        quiet=arguments.quiet,
    )
    if arguments.profile:
        options = replace(options, profile=arguments.profile)
    with server_connection(place, settings.index_access) as connection:
        report = load_beside(shards, connection, place.alias, options)
    note_filled(shards, name=report.full_name, filled_to=report.filled_to)
    if not arguments.quiet:
        say_loaded(report, arguments.dead_letters)
    return SOME_SKIPPED if report.rejected else DONE


def rollback(arguments: Namespace, settings: Settings) -> int:
    """Go back to the index before the current one, or to the one that is named."""
    from ingest.generations import roll_back

    place = _server_of(settings, "rollback: only an index on a server has older ones beside it")
    with server_connection(place, settings.index_access) as connection:
        before, now = roll_back(connection, place.alias, to=arguments.to)
    say(f"{place.alias} leads to {now.name}, no longer to {before.name}")
    if before.facts.fingerprint != now.facts.fingerprint:
        say(
            f"  note: it is of another model ({now.facts.fingerprint}); programs with the model of"
            f" {before.name} are answered by that one as before"
        )
    say("  the next ingest or load brings what has come since it was filled")
    return DONE


def verify(arguments: Namespace, settings: Settings) -> int:
    """Measure the index, or one of each profile, and other ways of storing."""
    from ingest.verify import table

    shards = None if arguments.shards is None else shards_directory(arguments.shards)
    if not arguments.profiles:
        say(table([_measured(settings, arguments.queries)]))
        if shards is not None:
            _verify_codes(shards)
        return DONE
    if shards is None:
        msg = "--profiles fills indexes from --shards SHARDS; name them"
        raise SettingsError(msg)
    say(table(_measured_profiles(shards, arguments, settings)))
    return DONE


def remove(arguments: Namespace, settings: Settings) -> int:
    """Take photos out for good."""
    from ingest.remove import remove_photos

    with collection_indexes(arguments.work, settings) as indexes:
        removal = remove_photos(
            arguments.work, arguments.photo_ids, indexes, thumbnails_dir=arguments.thumbs
        )
    say_removed(removal, indexes=len(indexes))
    return DONE


def restore(arguments: Namespace, _settings: Settings) -> int:
    """Undo a removal."""
    from ingest.remove import restore_photos

    say_restored(restore_photos(arguments.work, arguments.photo_ids), arguments.photo_ids)
    return DONE


def compact(arguments: Namespace, _settings: Settings) -> int:
    """Merge the shards."""
    from ingest.compact import compact_collection

    say_compacted(compact_collection(arguments.work))
    return DONE


def transform(arguments: Namespace, settings: Settings) -> int:
    """Make smaller or centred shards, and the model that queries them."""
    from ingest.transform import transform_shards

    outcome = transform_shards(
        shards_directory(arguments.shards),
        _bundle(settings),
        arguments.out / "shards",
        arguments.out / "model",
        dimension=arguments.pca,
        centre=arguments.centre,
    )
    say(
        f"{counted(outcome.photos, 'photo')} of {outcome.bundle.dimension} dimensions in "
        f"{arguments.out}, {outcome.added} new, {outcome.removed} taken out"
    )
    say(
        f"  photo-search ingest load {arguments.out / 'shards'} fills an index with them;"
        f" MODEL_DIR={arguments.out / 'model'} queries it"
    )
    return DONE


def _load_file(shards: Path, settings: Settings, arguments: Namespace) -> int:
    from ingest.load import Loader

    if arguments.profile:
        msg = f"--profile {arguments.profile}: profiles are a server's; --index names a file"
        raise SettingsError(msg)
    reader = ShardReader.open(shards)
    with closing(
        create_index(settings.index_url, fingerprint=reader.fingerprint, dimension=reader.dimension)
    ) as index:
        filled = Loader(reader, index, marks=None, name=index.name).catch_up()
        if not arguments.quiet:
            say(f"{counted(index.count(), 'photo')} in {index.name}, {filled.stored} stored")
    return DONE


def _bundle(settings: Settings) -> ModelBundle:
    return require_precision(read_model_bundle(settings.model_dir), settings.precision)


def _measured(settings: Settings, queries: int) -> IndexFigure:
    from ingest.verify import measure_index

    bundle = _bundle(settings)
    url, access = settings.index_url, settings.index_access
    if isinstance(place := parse_index_url(url), OpenSearchUrl):
        with server_connection(place, access):
            pass  # it answers; otherwise one would have to wait for what a search is granted
    with closing(open_index(url, fingerprint=bundle.fingerprint, access=access)) as index:
        return measure_index(index, queries=queries)


def _measured_profiles(shards: Path, arguments: Namespace, settings: Settings) -> list[IndexFigure]:
    from ingest.faiss_guard import refuse_without_faiss
    from ingest.trial_index import trial_index
    from ingest.verify import measure_index

    place = _server_of(settings, "--profiles are those of a server")
    figures = []
    with server_connection(place, settings.index_access) as connection:
        for profile in arguments.profiles:  # all, before the first takes its hours
            refuse_without_faiss(connection, profile)
        for profile in arguments.profiles:
            with trial_index(shards, connection, place.alias, profile) as index:
                figure = measure_index(index, queries=arguments.queries)
            figures.append(replace(figure, index=f"profile {profile}"))
    return figures


def _verify_codes(shards: Path) -> None:
    from ingest.quantisation import measure_compression, read_embeddings

    say("\nother ways of storing, in numpy: recall@10 against float32, bytes, bytes read a query")
    for one in measure_compression(read_embeddings(ShardReader.open(shards))):
        say(
            f"  {one.recall_at_10:.3f}  {one.size_bytes:5} bytes  {one.scanned_bytes:5} read  "
            f"p50 {one.p50_ms:.1f} ms  {one.name}"
        )
    say("  of a centred one recall tells how far answers move, not whether they are worse")


@contextmanager
def collection_indexes(work_dir: Path, settings: Settings) -> Iterator[list[PhotoIndex]]:
    """Open those at the index URL that hold one of the collection's embedding spaces.

    On a server also the older ones: a rollback must not bring a removed photo back.
    """
    place = parse_index_url(settings.index_url)
    fingerprints = [ShardReader.open(one).fingerprint for one in space_directories(work_dir)]
    with ExitStack() as opened:
        if not isinstance(place, OpenSearchUrl):
            found = _files(settings.index_url, fingerprints)
            yield [opened.enter_context(closing(index)) for index in found]
            return
        from ingest.generations import all_generations
        from photo_search.index.opensearch import OpenSearchIndex
        from photo_search.index.opensearch_catalogue import Catalogue

        connection = opened.enter_context(server_connection(place, settings.index_access))
        catalogue = Catalogue(connection, place.alias)
        yield [
            OpenSearchIndex.of(connection, catalogue, one)
            for one in all_generations(catalogue, fingerprints)
        ]


def _files(url: str, fingerprints: Sequence[str]) -> Iterator[PhotoIndex]:
    for fingerprint in fingerprints:
        try:
            index = open_index(url, fingerprint=fingerprint)
        except (FingerprintMismatch, IndexNotFound):
            continue
        with closing(index):
            dimension = index.dimension
        yield create_index(url, fingerprint=fingerprint, dimension=dimension)


def _server_of(settings: Settings, why: str) -> OpenSearchUrl:
    place = parse_index_url(settings.index_url)
    if not isinstance(place, OpenSearchUrl):
        msg = f"{why}; --index is {settings.index_url}"
        raise SettingsError(msg)
    return place


TASKS: dict[str, Callable[[Namespace, Settings], int]] = {
    task.__name__: task for task in (load, rollback, verify, remove, restore, compact, transform)
}
"""Each by its verb."""
