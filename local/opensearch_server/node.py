"""One OpenSearch from Maven as a process of ours, to kill and to start again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local.opensearch_server.account import Account, server_account
from local.opensearch_server.artifacts import install
from local.opensearch_server.cache import open_cache
from local.opensearch_server.configuration import write_configuration
from local.opensearch_server.jdk import Java, find_java
from local.opensearch_server.ports import choose_port
from local.opensearch_server.readiness import wait_until_ready
from local.opensearch_server.releases import DEFAULT_VERSION, release_of
from photo_search.errors import SettingsError

DEFAULT_HEAP_MB = 1024
_TETHER = Path(__file__).with_name("tether.py")
_PRIVATE, _READABLE_BY_ALL = 0o700, 0o755


class Node:
    """A node on 127.0.0.1: one port and one data directory, one process at a time."""

    def __init__(
        self,
        *,
        home: Path,
        java: Java,
        account: Account,
        scratch: Path,
        data: Path,
        port: int,
        heap_mb: int,
    ) -> None:
        """Write the configuration; nothing runs yet.

        Args:
            home: The installed OpenSearch.
            java: What it runs on.
            account: Who it runs as.
            scratch: Empty directory for the configuration, logs and temporary files; removed too
                if this process ends without stopping the node.
            data: Directory of the indexes.
            port: The port for HTTP.
            heap_mb: Heap of the JVM, in MiB.
        """
        self.port = port
        self.data = data
        self._account = account
        self._scratch = scratch
        self._log = scratch / "console.log"
        self._tether: subprocess.Popen[str] | None = None
        self._pid = 0
        config, logs, temporary = (scratch / name for name in ("config", "logs", "tmp"))
        write_configuration(home, config, port=port, data=data, logs=logs)
        for directory in (logs, temporary):
            directory.mkdir()
        for directory in (config, logs, temporary):
            directory.chmod(_PRIVATE)
            for path in (directory, *directory.rglob("*")):
                account.take_over(path)
        self._command = [
            "/usr/bin/env",
            f"OPENSEARCH_JAVA_HOME={java.home}",
            f"OPENSEARCH_PATH_CONF={config}",
            f"OPENSEARCH_TMPDIR={temporary}",
            f"OPENSEARCH_JAVA_OPTS=-Xms{heap_mb}m -Xmx{heap_mb}m",
            str(home / "bin" / "opensearch"),
        ]

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the JVM, or of the last one where none runs."""
        return self._pid

    def start(self) -> None:
        """Start it, on the same port and data as before, and wait until it answers.

        Raises:
            IndexUnavailable: It does not come up; the message ends with its log.
            RuntimeError: It runs already.
        """
        if not self.ended():
            msg = f"the node on port {self.port} runs already, as process {self._pid}"
            raise RuntimeError(msg)
        with self._log.open("ab") as log:
            self._tether = subprocess.Popen(  # noqa: S603 - our own file, no shell
                [sys.executable, "-I", "-S", _TETHER, *self._tether_options(), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd="/",
                start_new_session=True,  # a terminal's Ctrl-C is for us, who stop it in order
            )
        assert self._tether.stdout is not None  # noqa: S101 - for the type checker
        with self._tether.stdout as told:
            self._pid = int(told.readline() or 0)
        wait_until_ready(self)

    def stop(self) -> None:
        """Let it close its indexes and end; nothing happens where it has ended."""
        if self._tether is not None:
            self._tether.terminate()
            self._tether.wait()

    def kill(self) -> None:
        """End the JVM by SIGKILL, as a crash would, and wait until it is gone."""
        if self._tether is not None and self._pid and not self.ended():
            os.killpg(self._pid, signal.SIGKILL)
            self._tether.wait()

    def ended(self) -> bool:
        """Tell whether no process runs."""
        return self._tether is None or self._tether.poll() is not None

    def log_tail(self, lines: int = 40) -> str:
        """Give the last lines that it printed, over all its starts."""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _tether_options(self) -> list[str]:
        options = [f"--parent={os.getpid()}", f"--scratch={self._scratch}"]
        if self._account.user is not None:
            options += [f"--user={self._account.user}", f"--group={self._account.group}"]
        return [*options, "--"]


def _say_nothing(_line: str) -> None:
    pass


@contextmanager
def running_node(
    *,
    version: str = DEFAULT_VERSION,
    port: int = 0,
    heap_mb: int = DEFAULT_HEAP_MB,
    data_dir: Path | None = None,
    java_home: Path | None = None,
    cache_dir: Path | None = None,
    account: Account | None = None,
    say: Callable[[str], None] = _say_nothing,
) -> Iterator[Node]:
    """Run a node until the block is left; it ends too if this process is killed.

    Args:
        version: Release of OpenSearch, see ``releases``.
        port: Port of 127.0.0.1; 0 takes a free one.
        heap_mb: Heap of the JVM, in MiB.
        data_dir: Directory of the indexes, kept; a temporary one when left out.
        java_home: Directory of the Java to use; found when left out.
        cache_dir: Holds what is installed; the user's when left out.
        account: Who it runs as; we, or ``nobody`` where we are root, when left out.
        say: Told, in a line, of what takes long.

    Yields:
        The node, which answers.

    Raises:
        SettingsError: The version, port, directory, Java or Maven cannot be used.
        IndexUnavailable: It does not come up; the message ends with its log.
    """
    release = release_of(version)
    account = account or server_account()
    java = find_java(release, account, java_home=java_home)
    cache = open_cache(cache_dir)
    home = install(release, java, cache_dir=cache, say=say)
    scratch = Path(tempfile.mkdtemp(prefix="node-", dir=cache))
    try:
        scratch.chmod(_READABLE_BY_ALL)  # what is private lies in directories of the account's
        data = _open_data(data_dir or scratch / "data", account)
        node = Node(
            home=home,
            java=java,
            account=account,
            scratch=scratch,
            data=data,
            port=choose_port(port),
            heap_mb=heap_mb,
        )
        try:
            node.start()
            yield node
        finally:
            node.stop()
    finally:
        shutil.rmtree(scratch)


def _open_data(directory: Path, account: Account) -> Path:
    """Make sure that the account can write to a directory; one that is new becomes its own."""
    directory = directory.absolute()
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True)
            directory.chmod(_PRIVATE)
            account.take_over(directory)
    except OSError as error:
        msg = f"the data directory {directory} cannot be made: {error.strerror}"
        raise SettingsError(msg) from error
    if not account.may_write_in(directory):
        msg = (
            f"user {account.name}, as whom OpenSearch runs, cannot write to {directory}; "
            "choose another with --data, for example a new one below /var/tmp"
        )
        raise SettingsError(msg)
    return directory
