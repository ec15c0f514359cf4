"""Which of the indexes behind one alias is searched, which stay for a rollback, which go."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from photo_search.errors import FingerprintMismatch, IndexNotFound, PhotoIndexError
from photo_search.index.opensearch_catalogue import Catalogue, FoundIndex, Generation
from photo_search.index.opensearch_connection import OpenSearchConnection

_ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000
"""A day: chosen, not measured. A load of another model that takes longer and loses its index so
begins anew."""


def roll_back(
    connection: OpenSearchConnection, alias: str, *, to: str | None = None
) -> tuple[FoundIndex, FoundIndex]:
    """Let the aliases lead to another index that a load has finished.

    Args:
        connection: The server.
        alias: What the collection is reached by.
        to: The index's name, an older or a newer one; the one before the current when left out.

    Returns:
        The index that was searched before, and the one that is searched now.

    Raises:
        PhotoIndexError: There is no such index.
    """
    catalogue = Catalogue(connection, alias)
    generations = catalogue.generations()
    current = current_generation(generations, alias)
    if current is None:
        msg = f"{alias} at {connection.server} leads to no index that a load made; load the shards"
        raise PhotoIndexError(msg)
    finished = [one for one in generations if _is_finished(one) and one is not current]
    if to is None:
        chosen = [one for one in finished if _age(one) < _age(current)]
        wanted = f"no index older than {current.index.name}, the one"
    else:
        chosen = [one for one in finished if one.index.name == to]
        wanted = f"no finished index {to} beside {current.index.name}, the one"
    if not chosen:
        names = ", ".join(one.index.name for one in finished)
        msg = f"there is {wanted} behind {alias}" + (f"; there are {names}" if names else "")
        raise PhotoIndexError(msg)
    catalogue.swap(chosen[-1].index)
    return current.index, chosen[-1].index


def drop_rolled_back(catalogue: Catalogue, coming: FoundIndex) -> list[str]:
    """Delete what people went back from, before another index takes the current one's place.

    Otherwise the next rollback would lead there, past the index that they chose. Indexes of another
    embedding space that are still searched stay.

    Args:
        catalogue: What lies behind the alias.
        coming: The index that takes the place; it stays.

    Returns:
        Names of the deleted indexes.
    """
    generations = catalogue.generations()
    current = current_generation(generations, catalogue.alias)
    if current is None:
        return []
    return _drop(
        catalogue,
        [
            one
            for one in generations
            if one.index.facts.is_ready
            and not one.is_searched
            and _age(one) > _age(current)
            and one.index.name != coming.name
        ],
    )


def drop_left_over(catalogue: Catalogue, current: FoundIndex, *, keep: int) -> list[str]:
    """Delete what a finished load makes superfluous: old indexes, and those never finished.

    An unfinished one of this embedding space, of whatever profile, is what an older load left. One
    of another space may be what another load fills just now, until it is too old for that.

    Args:
        catalogue: What lies behind the alias.
        current: The index that was swapped in; it stays.
        keep: How many finished ones stay besides, the newest.

    Returns:
        Names of the deleted indexes.
    """
    generations = catalogue.generations()
    now_ms = max((one.created_ms for one in generations), default=0)
    others = [one for one in generations if one.index.name != current.name]
    finished = [one for one in others if _is_finished(one)]
    abandoned = [
        one
        for one in others
        if not _is_finished(one)
        and (
            one.index.facts.fingerprint == current.facts.fingerprint
            or now_ms - one.created_ms > _ABANDONED_AFTER_MS
        )
    ]
    return _drop(catalogue, [*finished[: max(0, len(finished) - keep)], *abandoned])


def current_generation(generations: Sequence[Generation], alias: str) -> Generation | None:
    """The one that the alias leads to; None where it leads to none of ours."""
    return next((one for one in generations if alias in one.aliases), None)


def all_generations(catalogue: Catalogue, fingerprints: Sequence[str]) -> list[FoundIndex]:
    """Every index behind the alias: searched, kept for a rollback, or being filled.

    Args:
        catalogue: What lies behind the alias.
        fingerprints: Embedding spaces of which an index may be named by hand.
    """
    found = {one.index.name: one.index for one in catalogue.generations()}
    for fingerprint in fingerprints:
        with suppress(IndexNotFound, FingerprintMismatch):
            index = catalogue.find(fingerprint)
            found.setdefault(index.name, index)
    return list(found.values())


def _is_finished(generation: Generation) -> bool:
    # A load that was killed right after its swap has left an index that people search.
    return generation.index.facts.is_ready or generation.is_searched


def _age(generation: Generation) -> tuple[int, str]:
    return generation.created_ms, generation.index.name


def _drop(catalogue: Catalogue, generations: list[Generation]) -> list[str]:
    for generation in generations:
        catalogue.drop(generation.index)
    return [generation.index.name for generation in generations]
