"""The command line's tasks where shards, thumbnails or the index are in buckets.

Each pulls, does what ingest.upkeep does on this machine, and publishes. What is published first is
what counts: shards and removals before an index, an index before thumbnails.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ingest import upkeep
from ingest.cloud.published_index import Fetched, IndexPublisher
from ingest.cloud.work_bucket import SHARDS_NAME
from ingest.cloud.workplace import Workplace, workplace
from ingest.exit_codes import DONE
from ingest.outcomes import counted, say, say_compacted, say_removed, say_restored
from ingest.places import server_connection, shards_directory
from ingest.remove import Removal, keep_removed_out, remove_photos, restore_photos
from ingest.shard_files import list_shards, space_directories, space_directory
from ingest.shard_reader import ShardReader
from ingest.shards import ShardStore
from photo_search.errors import FingerprintMismatch, SettingsError
from photo_search.index.url import OpenSearchUrl, parse_index_url
from photo_search.s3_url import S3Url
from photo_search.settings import Settings


def load(arguments: Namespace, settings: Settings) -> int:
    """Fill an index from shards, swap it in, and bring what others have published meanwhile."""
    with _shards(arguments.shards, settings) as (place, directory):
        filler = place.filler()
        if isinstance(parse_index_url(settings.index_url), OpenSearchUrl):
            code = upkeep.load(_with(arguments, shards=directory), settings)
            filler.fill(directory)
            return code
        if arguments.profile:
            msg = f"--profile {arguments.profile}: profiles are a server's; --index names a file"
            raise SettingsError(msg)
        if place.publisher() is None:
            filled = filler.fill(directory)
        else:
            filled = filler.replace(directory, allow_smaller=arguments.allow_smaller)
        if not arguments.quiet:
            photos = counted(len(ShardReader.open(directory).live), "photo")
            say(f"{photos} in {settings.index_url}, {filled.stored} stored")
        return DONE


def rollback(arguments: Namespace, settings: Settings) -> int:
    """Go back to another index, and bring it what has come since it was filled."""
    from ingest.generations import current_generation
    from photo_search.index.opensearch_catalogue import Catalogue

    upkeep.rollback(arguments, settings)
    url = parse_index_url(settings.index_url)
    if not isinstance(url, OpenSearchUrl):
        return DONE
    with server_connection(url, settings.index_access) as connection:
        current = current_generation(Catalogue(connection, url.alias).generations(), url.alias)
    if current is None:
        return DONE
    with workplace(arguments.work, settings) as place:
        place.pull()
        directory = space_directory(place.directory, current.index.facts.fingerprint)
        if list_shards(directory).current:
            filled = place.filler().fill(directory)
            say(f"  {counted(filled.stored, 'photo')} stored that came since it was filled")
    return DONE


def verify(arguments: Namespace, settings: Settings) -> int:
    """Measure the index, and other ways of storing."""
    if arguments.shards is None:
        return upkeep.verify(arguments, settings)
    with _shards(arguments.shards, settings) as (_, directory):
        return upkeep.verify(_with(arguments, shards=directory), settings)


def remove(arguments: Namespace, settings: Settings) -> int:
    """Take photos out for good."""
    photo_ids: list[str] = arguments.photo_ids
    with workplace(arguments.work, settings) as place:

        def act() -> Removal:
            return remove_photos(place.directory, photo_ids, [])

        removal = act() if place.work is None else place.work.change(act)
        publisher = place.publisher()
        if publisher is None:
            with upkeep.collection_indexes(place.directory, settings) as indexes:
                taken_out = [index.delete(photo_ids) for index in indexes]
        else:
            taken_out = _delete_published(publisher, place.directory, photo_ids)
        place.thumbnails(arguments.thumbs).remove(photo_ids)
    say_removed(replace(removal, taken_out=sum(taken_out)), indexes=len(taken_out))
    return DONE


def restore(arguments: Namespace, settings: Settings) -> int:
    """Undo a removal."""
    with workplace(arguments.work, settings) as place:

        def act() -> tuple[str, ...]:
            return restore_photos(place.directory, arguments.photo_ids)

        # A writer that reads the list must not bring back what the shards still keep out.
        restored = act() if place.work is None else place.work.change(act, lists_last=True)
    say_restored(restored, arguments.photo_ids)
    return DONE


def compact(arguments: Namespace, settings: Settings) -> int:
    """Merge the shards."""
    from ingest.compact import compact_collection

    with workplace(arguments.work, settings) as place:
        directory = place.directory
        if place.work is None:
            say_compacted(compact_collection(directory))
            return DONE
        # Removals that some shards lack get a number of their own before the base has the next.
        place.work.change(lambda: _bring_removals(directory))
        done = place.work.change(lambda: compact_collection(directory))
        place.work.free_replaced()
    say_compacted(done)
    return DONE


def transform(arguments: Namespace, settings: Settings) -> int:
    """Make smaller or centred shards on this machine, and the model that queries them."""
    with _shards(arguments.shards, settings) as (_, directory):
        return upkeep.transform(_with(arguments, shards=directory), settings)


def _bring_removals(work_dir: Path) -> None:
    for directory in space_directories(work_dir):
        keep_removed_out(work_dir, ShardStore.open(directory))


def _delete_published(
    publisher: IndexPublisher, work_dir: Path, photo_ids: Sequence[str]
) -> list[int]:
    """Take photos out of a published index of the collection; how many, empty without an index."""
    if not publisher.exists():
        return []
    taken_out: list[int] = []

    def change(fetched: Fetched) -> int | None:
        taken_out[:] = [fetched.index.delete(photo_ids)]
        return fetched.filled_to if taken_out[0] else None

    for directory in space_directories(work_dir):
        reader = ShardReader.open(directory)
        try:
            publisher.change(change, fingerprint=reader.fingerprint, dimension=reader.dimension)
        except FingerprintMismatch:
            continue
        return taken_out
    return []


@contextmanager
def _shards(shards: Path | S3Url, settings: Settings) -> Iterator[tuple[Workplace, Path]]:
    """Bring shards here that a path names, or a place: a work directory, or one space below it."""
    if not isinstance(shards, S3Url):
        directory = shards_directory(shards)
        with workplace(directory.parent.parent, settings) as place:
            yield place, directory
        return
    above, _, space = shards.key.rpartition("/")
    is_space = above.rpartition("/")[2] == SHARDS_NAME
    work_key = above.removesuffix(SHARDS_NAME).removesuffix("/") if is_space else shards.key
    with workplace(S3Url(shards.bucket, work_key), settings) as place:
        place.pull()
        within = place.directory / SHARDS_NAME / space if is_space else place.directory
        yield place, shards_directory(within)


def _with(arguments: Namespace, **others: object) -> Namespace:
    return Namespace(**(vars(arguments) | others))


TASKS: dict[str, Callable[[Namespace, Settings], int]] = {
    task.__name__: task for task in (load, rollback, verify, remove, restore, compact, transform)
}
"""Each by its verb."""
