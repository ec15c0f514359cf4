"""One OpenSearch from the official image, by ``compose.yaml`` and the Docker command.

If this process is killed, the container stays; ``docker compose down`` removes it.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local.opensearch_server.ports import choose_port
from local.opensearch_server.readiness import wait_until_ready
from local.opensearch_server.releases import Release

COMPOSE_FILE = Path(__file__).parents[2] / "compose.yaml"
_DAEMON_TIMEOUT_S = 20
_STOP_TIMEOUT_S = 30


class Container:
    """The container of one ``docker compose up``."""

    def __init__(
        self, release: Release, *, port: int, heap_mb: int, data: Path | None, log: Path
    ) -> None:
        """Say what shall run; nothing runs yet.

        Args:
            release: The release of OpenSearch.
            port: Port of 127.0.0.1.
            heap_mb: Heap of the JVM, in MiB.
            data: Directory of the indexes; a volume of Docker's when left out.
            log: File that takes what the container prints.
        """
        self.port = port
        self._log = log
        self._attached: subprocess.Popen[bytes] | None = None
        self._compose = [
            "/usr/bin/env",
            f"OPENSEARCH_VERSION={release.version}",
            f"OPENSEARCH_PORT={port}",
            f"OPENSEARCH_HEAP_MB={heap_mb}",
            *([] if data is None else [f"OPENSEARCH_DATA={data.absolute()}"]),
            *("docker", "compose", "--file", str(COMPOSE_FILE)),
            # By its port, so that two of them do not replace each other.
            *("--project-name", f"photo-search-opensearch-{port}"),
        ]

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            IndexUnavailable: It does not come up; the message ends with its log.
        """
        with self._log.open("ab") as log:
            self._attached = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
                [*self._compose, "up", "--no-color", "--no-log-prefix"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a terminal's Ctrl-C is for us, who stop it in order
            )
        wait_until_ready(self)

    def stop(self) -> None:
        """Stop and remove the container; the indexes stay."""
        with self._log.open("ab") as log:
            subprocess.run(  # noqa: S603 - a fixed command, no shell
                [*self._compose, "down", "--timeout", str(_STOP_TIMEOUT_S)],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if self._attached is not None:
            self._attached.terminate()
            self._attached.wait()

    def ended(self) -> bool:
        """Tell whether it has stopped."""
        return self._attached is None or self._attached.poll() is not None

    def log_tail(self, lines: int = 40) -> str:
        """Give the last lines that it, or Docker, printed."""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])


@contextmanager
def running_container(
    release: Release, *, port: int, heap_mb: int, data_dir: Path | None
) -> Iterator[Container]:
    """Run the official image until the block is left.

    Args:
        release: The release of OpenSearch.
        port: Port of 127.0.0.1; 0 takes a free one.
        heap_mb: Heap of the JVM, in MiB.
        data_dir: Directory of the indexes, which user 1000 (the image's) must be able to write to;
            a volume of Docker's when left out.

    Yields:
        The container, which answers.

    Raises:
        SettingsError: The port cannot be used.
        IndexUnavailable: It does not come up; the message ends with its log.
    """
    port = choose_port(port)
    with tempfile.TemporaryDirectory(prefix="photo-search-opensearch-") as scratch:
        container = Container(
            release, port=port, heap_mb=heap_mb, data=data_dir, log=Path(scratch) / "console.log"
        )
        try:
            container.start()
            yield container
        finally:
            container.stop()


def why_not(release: Release, *, say: Callable[[str], None]) -> str | None:
    """Tell in one line why Docker cannot run a release here, or None where it can.

    The image is fetched if it is not there.

    Args:
        release: The release of OpenSearch.
        say: Told, in a line, of what takes long.
    """
    if shutil.which("docker") is None:
        return "there is no docker command"
    complaint = _complaint("version", "--format", "{{.Server.Version}}")
    if complaint is not None:
        return f"no Docker daemon answers: {complaint}"
    complaint = _complaint("compose", "version")
    if complaint is not None:
        return f"docker compose is not installed: {complaint}"
    image = f"opensearchproject/opensearch:{release.version}"
    if _complaint("image", "inspect", image) is None:
        return None
    say(f"Fetching the image {image}, once …")
    complaint = _complaint("pull", "--quiet", image, timeout_s=None)
    return None if complaint is None else f"the image {image} cannot be had: {complaint}"


def _complaint(*arguments: str, timeout_s: float | None = _DAEMON_TIMEOUT_S) -> str | None:
    """Run docker; give the last line of what it complained of, None where all went well."""
    try:
        told = subprocess.run(  # noqa: S603 - fixed commands, no shell
            ["/usr/bin/env", "docker", *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {timeout_s:g} s"
    if told.returncode == 0:
        return None
    lines = (told.stderr or told.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {told.returncode}"
