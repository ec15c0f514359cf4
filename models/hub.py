"""Checkpoints of the Hugging Face hub: what a repository says of itself, and its files.

Owns which files are needed and what each failure means. The client is the hub's own: it signs in,
takes a broken connection up where it broke, and keeps each file that is whole in its usual cache;
``HF_ENDPOINT``, ``HF_HOME`` and ``HF_TOKEN`` are its affair. (Version 2.4 keeps no part of a file
from one run to the next.)
"""

from __future__ import annotations

import fnmatch
import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
from huggingface_hub import HfApi, ModelCard, hf_hub_download
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    XetDownloadError,
)

from ingest.atomic_file import full_disk_named
from models.errors import CheckpointError, CheckpointUnavailable
from models.layout import (
    BESIDE_WEIGHTS,
    CONFIG,
    OPEN_CLIP_CONFIG,
    OPEN_CLIP_WEIGHTS,
    SHARD_PATTERN,
    WEIGHTS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from huggingface_hub import ModelCardData

_BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit.

    Attributes:
        name: ``organisation/name``.
        revision: The commit, whatever name it was asked for by.
        licence: What its card names; None where it names none.
        files: Those that an export needs, with the sha256 of those whose the hub tells.
    """

    name: str
    revision: str
    licence: str | None
    files: Mapping[str, str | None]


def find_repository(name: str, revision: str = "main") -> Repository:
    """Ask the hub what is at a revision: a branch, a tag or a commit.

    Raises:
        CheckpointError: There is none, it may not be read, or it holds no weights for transformers.
        CheckpointUnavailable: The hub does not answer now.
    """
    with _failures_named(name, revision):
        info = HfApi().model_info(name, revision=revision, files_metadata=True)
    hashes = {file.rfilename: file.lfs.sha256 if file.lfs else None for file in info.siblings or ()}
    needed = _needed(frozenset(hashes))
    if not needed:
        message = f"{name} holds no {CONFIG} with {' or '.join(WEIGHTS)} beside it"
        raise CheckpointError(message)
    return Repository(
        name=name,
        revision=str(info.sha),
        licence=_licence(info.card_data),
        files={file: sha256 for file, sha256 in hashes.items() if file in needed},
    )


def _needed(files: frozenset[str]) -> frozenset[str]:
    """Choose the files of one layout; none where neither is whole."""
    for config, weights in ((CONFIG, WEIGHTS), (OPEN_CLIP_CONFIG, OPEN_CLIP_WEIGHTS)):
        chosen = next((file for file in weights if file in files), None)
        if config in files and chosen:
            sharded = chosen.endswith(".index.json")
            shards = fnmatch.filter(files, SHARD_PATTERN) if sharded else ()
            return frozenset({config, chosen, *shards, *(files & set(BESIDE_WEIGHTS))})
    return frozenset()


def licence_on_card(directory: Path) -> str | None:
    """Read what the README.md of a directory laid out like a repository names.

    Raises:
        CheckpointError: Its head is no YAML.
    """
    readme = directory / "README.md"
    if not readme.is_file():
        return None
    try:
        return _licence(ModelCard.load(readme).data)
    except ValueError as error:
        message = f"{readme} is no model card: {error}"
        raise CheckpointError(message) from error


def _licence(card: ModelCardData | None) -> str | None:
    """Give the name of a licence of one's own rather than the word ``other``."""
    named = card.get("license") if card else None
    if card and named == "other":
        named = card.get("license_name") or named
    return None if named is None else str(named)


def download(repository: Repository) -> Path:
    """Bring the files into the hub's cache, those that are not yet there.

    Returns:
        The directory that holds them.

    Raises:
        CheckpointError: A file is gone or may not be read.
        CheckpointUnavailable: The hub does not answer now, or a file came damaged.
        DiskFull: There is no room in the cache.
    """
    paths = [_download(repository, file) for file in sorted(repository.files)]
    return paths[0].parent


def _download(repository: Repository, file: str) -> Path:
    with _failures_named(repository.name, repository.revision):
        path = Path(hf_hub_download(repository.name, file, revision=repository.revision))
    expected = repository.files[file]
    if expected is not None:
        with path.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != expected:
            path.resolve().unlink()
            message = f"{file} of {repository.name} came damaged (sha256 {found}, not {expected})"
            raise CheckpointUnavailable(message)
    return path


@contextmanager
def _failures_named(name: str, revision: str) -> Iterator[None]:
    """Turn the client's errors into ours."""
    place = f"the hub's {name}"
    try:
        with full_disk_named(Path(name)):
            yield
    except GatedRepoError as error:
        message = (
            f"{place} is gated: accept its terms on its page, "
            "then sign in by `hf auth login` or HF_TOKEN"
        )
        raise CheckpointError(message) from error
    except RevisionNotFoundError as error:
        message = f"{place} has no revision {revision}"
        raise CheckpointError(message) from error
    except RepositoryNotFoundError as error:
        message = f"the hub has no {name}, or only for those who sign in"
        raise CheckpointError(message) from error
    except HFValidationError as error:
        message = f"{name!r} is neither a directory nor the name of a repository: {error}"
        raise CheckpointError(message) from error
    except OfflineModeIsEnabled as error:
        message = f"HF_HUB_OFFLINE forbids asking for {name}; MODEL may also be a directory"
        raise CheckpointError(message) from error
    except HfHubHTTPError as error:
        raise _refused(place, error) from error
    except (LocalEntryNotFoundError, httpx2.HTTPError, XetDownloadError, OSError) as error:
        reason = error.__cause__ or error
        message = f"{place} cannot be downloaded now ({reason}); what is whole is kept: run again"
        raise CheckpointUnavailable(message) from error


def _refused(place: str, error: HfHubHTTPError) -> CheckpointError | CheckpointUnavailable:
    status = error.response.status_code
    gone = isinstance(error, DisabledRepoError | EntryNotFoundError)
    if not gone and (status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _BUSY):
        return CheckpointUnavailable(f"{place}: the hub answers {status}; try again later")
    return CheckpointError(
        f"{place}: the hub answers {status} ({error.server_message or 'refused'})"
    )
