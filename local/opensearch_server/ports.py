"""TCP ports of 127.0.0.1."""

from __future__ import annotations

import os
import socket

from photo_search.errors import SettingsError

_HOST = "127.0.0.1"
_LAST_PORT = 65_535


def choose_port(port: int) -> int:
    """Make sure that a port can be listened on.

    Args:
        port: The port; 0 asks for any that is free.

    Returns:
        The port. Nothing holds it until the server does.

    Raises:
        SettingsError: It does not exist, something listens on it, or it may not be used.
    """
    if not 0 <= port <= _LAST_PORT:
        msg = f"port {port} does not exist; the last one is {_LAST_PORT}"
        raise SettingsError(msg)
    try:
        with socket.create_server((_HOST, port)) as listener:
            return int(listener.getsockname()[1])
    except OSError as error:
        reason = os.strerror(error.errno or 0)  # the error's own text repeats the address
        msg = (
            f"port {port} of {_HOST} cannot be used: {reason}; "
            "choose another with --port (make opensearch: OPENSEARCH_PORT=…)"
        )
        raise SettingsError(msg) from error
