"""``python -m local.opensearch_server``: one OpenSearch on localhost until Ctrl-C.

Exit codes as those of ``photo-search``: 0 stopped, 2 wrong settings,
75 it did not come up or ended by itself.
"""

from __future__ import annotations

import signal
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from local.opensearch_server.engine import Engine, ServerOptions, running_server
from local.opensearch_server.readiness import Server
from local.opensearch_server.releases import RELEASES
from photo_search.errors import IndexUnavailable, PhotoSearchError

DONE, WRONG_SETTINGS, RETRY = 0, 2, 75
_LOOK_EVERY_S = 0.5


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server until a signal stops it.

    Args:
        argv: The arguments; those of the process when left out.

    Returns:
        The exit code.
    """
    options = _options(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with running_server(options, say=_say) as server:
            _say(f"OpenSearch {options.version} with k-NN at http://localhost:{server.port}")
            _say(f"  In another terminal: make demo INDEX_URL=http://localhost:{server.port}")
            _say("  Ctrl-C stops it; its indexes are kept.")
            _watch(server)
    except KeyboardInterrupt:
        return DONE
    except PhotoSearchError as error:
        sys.stderr.write(f"opensearch: {error}\n")
        return RETRY if isinstance(error, IndexUnavailable) else WRONG_SETTINGS


def _watch(server: Server) -> NoReturn:
    """Wait for the signal, which ends the wait by KeyboardInterrupt."""
    while not server.ended():
        time.sleep(_LOOK_EVERY_S)
    msg = f"OpenSearch ended by itself; its last lines:\n{server.log_tail()}"
    raise IndexUnavailable(msg)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _options(argv: Sequence[str] | None) -> ServerOptions:
    defaults = ServerOptions()
    parser = ArgumentParser(
        "python -m local.opensearch_server", description="Run an OpenSearch on localhost."
    )
    parser.add_argument(
        "--engine",
        choices=[engine.value for engine in Engine],
        default=defaults.engine.value,
        help="auto: docker where it can, otherwise maven",
    )
    parser.add_argument("--version", choices=list(RELEASES), default=defaults.version)
    parser.add_argument("--port", type=int, default=defaults.port, metavar="N", help="0: any")
    parser.add_argument(
        "--heap-mb", type=int, default=defaults.heap_mb, metavar="N", help="the JVM's heap, in MiB"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the indexes (default: a volume of Docker's, or below /var/tmp)",
    )
    parser.add_argument(
        "--java-home", type=Path, metavar="DIR", help="the Java for maven (default: found)"
    )
    given = parser.parse_args(argv)
    return ServerOptions(
        engine=Engine(given.engine),
        version=given.version,
        port=given.port,
        heap_mb=given.heap_mb,
        data_dir=given.data,
        java_home=given.java_home,
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
