"""Lambda's runtime emulator, a program that comes with SAM: the handler under it, without Docker.

https://github.com/aws/aws-lambda-runtime-interface-emulator
"""

from __future__ import annotations

import json
import platform
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import requests

from photo_search.errors import SettingsError

_FUNCTION_PATH = "/2015-03-31/functions/function/invocations"
_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}
_STARTS_WITHIN_S = 10.0
CALL_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator.

    Attributes:
        url: Where calls are posted to.
    """

    url: str

    @classmethod
    def at(cls, address: str) -> Self:
        """The one that listens at ``http://host:port``."""
        return cls(f"{address}{_FUNCTION_PATH}")

    def invoke(self, event: object) -> Any:
        """Make one call; the first one starts the handler's process.

        Args:
            event: Anything that JSON holds.

        Returns:
            What the handler answered, or Lambda's description of an error that escaped it.

        Raises:
            requests.RequestException: The emulator does not answer.
        """
        answer = requests.post(self.url, data=json.dumps(event), timeout=CALL_TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()


def find_emulator(environment: Path) -> Path:
    """Find the program in the environment that SAM is installed in.

    Raises:
        SettingsError: It is not there, or does not run on this machine.
    """
    machine = platform.machine()
    name = f"aws-lambda-rie-{_ARCHITECTURES.get(machine, machine)}"
    found = sorted(environment.glob(f"lib/python*/site-packages/samcli/local/rapid/{name}"))
    if not found or platform.system() != "Linux":
        msg = f"{environment} has no {name} for {platform.system()}; it is SAM's, and Linux only"
        raise SettingsError(msg)
    return found[0]


@contextmanager
def running_emulator(
    program: Path,
    command: Sequence[str],
    *,
    variables: Mapping[str, str],
    log: IO[str] | None = None,
) -> Iterator[Emulator]:
    """Run a Lambda until the block ends.

    Args:
        program: The emulator.
        command: What Lambda would start: a client of the runtime API and the handler's name.
        variables: The whole environment of the process.
        log: Where the function's log goes; this process's own output when left out.

    Raises:
        SettingsError: The emulator does not start.
    """
    port, api_port = _free_ports(2)
    own = ("--log-level", "error", "--runtime-interface-emulator-address", f"127.0.0.1:{port}")
    api = ("--runtime-api-address", f"127.0.0.1:{api_port}")
    process = subprocess.Popen(  # noqa: S603
        [str(program), *own, *api, *command], env=dict(variables), stdout=log, stderr=log
    )
    try:
        _wait_for(process, port)
        yield Emulator.at(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    end_s = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < end_s and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    msg = f"the runtime emulator does not answer on port {port}"
    raise SettingsError(msg)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports
