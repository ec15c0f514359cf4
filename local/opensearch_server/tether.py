"""Runs one command that does not outlive the process that asked for it.

It is started as a process of its own, between a Python process and the server, prints the
command's process id, and ends when the command does. When the Python process is gone, however it
went, or when it gets SIGTERM, it stops the command.
Only SIGKILL to this very process would leave the command behind.

Linux's PR_SET_PDEATHSIG is no substitute: it exists there alone, and it fires when the *thread*
ends that started the process, as threads of tests do. This file imports nothing of the project: it
is run by its path.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

_LOOK_EVERY_S = 0.1
# A node closes its shards within some seconds; it loses nothing if it is killed.
_PATIENCE_S = 30


def main() -> int:
    """Run the command of the command line.

    Returns:
        The command's exit code; the negative number of the signal that ended it.
    """
    arguments = _parser().parse_args()
    asked_to_stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked_to_stop.append(number))
    process = _start(arguments)
    sys.stdout.write(f"{process.pid}\n")
    sys.stdout.flush()
    orphaned = False
    while process.poll() is None and not orphaned and not asked_to_stop:
        time.sleep(_LOOK_EVERY_S)
        orphaned = os.getppid() != arguments.parent
    _stop(process)
    if orphaned and arguments.scratch:
        shutil.rmtree(arguments.scratch, ignore_errors=True)
    return process.returncode


def _start(arguments: Namespace) -> subprocess.Popen[bytes]:
    # A group of its own, so that a signal reaches whatever the command starts in turn.
    return subprocess.Popen(  # noqa: S603 - the caller's command, no shell
        arguments.command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=sys.stderr,
        process_group=0,
        user=arguments.user,
        group=arguments.group,
        extra_groups=None if arguments.user is None else [],
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _parser() -> ArgumentParser:
    parser = ArgumentParser("tether", description="Run a command that ends when its asker does.")
    parser.add_argument("--parent", type=int, required=True, help="process id of the asker")
    parser.add_argument("--user", type=int, help="user id to run the command as")
    parser.add_argument("--group", type=int, help="group id to run the command as")
    parser.add_argument("--scratch", type=Path, help="directory to remove if the asker is gone")
    parser.add_argument("command", nargs="+")
    return parser


if __name__ == "__main__":
    sys.exit(main())
