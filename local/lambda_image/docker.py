"""What a local run asks of Docker's command line."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path

from photo_search.errors import SettingsError

INDEX_IN_IMAGE = "/opt/index/photos.db"


def bridge_address(docker: str) -> str:
    """This machine's address on the network that containers are on unless they ask for another.

    Raises:
        SettingsError: Docker does not answer.
    """
    form = "{{with index .IPAM.Config 0}}{{.Subnet}} {{.Gateway}}{{end}}"
    subnet, *gateway = _run([docker, "network", "inspect", "bridge", "-f", form]).split()
    # Docker gives itself the first address and does not always say so.
    return gateway[0] if gateway else str(IPv4Network(subnet)[1])


def derive_image(
    docker: str, image: str, name: str, *, environment: Mapping[str, str], index: Path | None
) -> None:
    """Put an index and variables on top of an image, under another name.

    Args:
        docker: The command.
        image: What to build on.
        name: Of the result.
        environment: Variables that count where whoever starts it gives none of that name.
        index: A SQLite file, which then is at ``INDEX_IN_IMAGE``.

    Raises:
        SettingsError: Docker does not answer, or there is no such image.
    """
    lines = [f"FROM {image}", *(f"ENV {key}={json.dumps(environment[key])}" for key in environment)]
    with tempfile.TemporaryDirectory() as context:
        if index is not None:
            shutil.copyfile(index, Path(context) / "photos.db")
            lines.append(f"COPY --chown=0:0 photos.db {INDEX_IN_IMAGE}")
        (Path(context) / "Dockerfile").write_text("\n".join(lines), "utf-8")
        _run([docker, "build", "-q", "-t", name, context])


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    except FileNotFoundError as error:
        msg = f"{command[0]} is not installed; the image's local runs need Docker"
        raise SettingsError(msg) from error
    except subprocess.CalledProcessError as error:
        msg = f"`{' '.join(command[:3])}` failed: {error.stderr.strip()}"
        raise SettingsError(msg) from error
    return done.stdout.strip()
