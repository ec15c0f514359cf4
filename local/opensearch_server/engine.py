"""Chooses what an OpenSearch is run by, and runs it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from local.opensearch_server.cache import open_cache
from local.opensearch_server.docker import running_container, why_not
from local.opensearch_server.node import DEFAULT_HEAP_MB, running_node
from local.opensearch_server.readiness import Server
from local.opensearch_server.releases import DEFAULT_VERSION, release_of
from photo_search.errors import SettingsError


class Engine(StrEnum):
    """What runs the server."""

    AUTO = "auto"
    """Docker where it can, otherwise Maven."""
    DOCKER = "docker"
    MAVEN = "maven"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What to run.

    Attributes:
        engine: What runs it.
        version: Release of OpenSearch.
        port: Port of 127.0.0.1; 0 takes a free one.
        heap_mb: Heap of the JVM, in MiB.
        data_dir: Directory of the indexes; a volume of Docker's, or one below the cache, when left
            out.
        java_home: Directory of the Java to use, where Maven's files are run; found when left out.
    """

    engine: Engine = Engine.AUTO
    version: str = DEFAULT_VERSION
    port: int = 9200
    heap_mb: int = DEFAULT_HEAP_MB
    data_dir: Path | None = None
    java_home: Path | None = None


def choose_engine(options: ServerOptions, *, say: Callable[[str], None]) -> Engine:
    """Settle on Docker or Maven.

    Args:
        options: What to run.
        say: Told, in a line, why it is not Docker.

    Raises:
        SettingsError: Docker alone was asked for and cannot run it, or there is no such release.
    """
    release = release_of(options.version)
    if options.engine is Engine.MAVEN:
        return Engine.MAVEN
    reason = why_not(release, say=say)
    if reason is None:
        return Engine.DOCKER
    if options.engine is Engine.DOCKER:
        msg = f"Docker cannot run OpenSearch {release.version}: {reason}"
        raise SettingsError(msg)
    say(f"Not by Docker ({reason}), so with the files from Maven.")
    return Engine.MAVEN


def running_server(
    options: ServerOptions, *, say: Callable[[str], None]
) -> AbstractContextManager[Server]:
    """Run an OpenSearch, whose indexes are kept, until the block is left.

    Args:
        options: What to run.
        say: Told, in a line each, of decisions and of what takes long.

    Raises:
        SettingsError: What is needed lacks; raised here or on entering.
        IndexUnavailable: On entering: it does not come up; the message ends with its log.
    """
    if choose_engine(options, say=say) is Engine.DOCKER:
        return running_container(
            release_of(options.version),
            port=options.port,
            heap_mb=options.heap_mb,
            data_dir=options.data_dir,
        )
    return running_node(
        version=options.version,
        port=options.port,
        heap_mb=options.heap_mb,
        # An older release cannot read what a newer one has written.
        data_dir=options.data_dir or open_cache() / f"data-{options.version}",
        java_home=options.java_home,
        say=say,
    )
