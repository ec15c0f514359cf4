"""SAM, told to run the search Lambda of a synthesised template from an image that is there."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.lambda_image.docker import derive_image
from local.lambda_image.local_index import reach_index
from local.lambda_image.template import read_search_function
from photo_search.settings import (
    INDEX_AUTH_ENV,
    INDEX_URL_ENV,
    PHOTOS_URL_ENV,
    THUMBS_URL_ENV,
)

# What in the template names resources that no account has made; empty counts as not given.
_NOT_HERE = dict.fromkeys((INDEX_AUTH_ENV, PHOTOS_URL_ENV, THUMBS_URL_ENV), "")


@dataclass(frozen=True, slots=True)
class Sam:
    """Commands that run one function; valid as long as ``prepared``'s block.

    Attributes:
        executable: Of its own environment.
        template: The synthesised one, unchanged.
        logical_id: Of the function.
        variables: A file of variables, in SAM's form.
    """

    executable: Path
    template: Path
    logical_id: str
    variables: Path

    @property
    def rapid_image(self) -> str:
        """The image that SAM makes of the function's, with the emulator in it, and starts."""
        return f"{self.logical_id.lower()}:rapid-x86_64"

    def invoke_command(self, event: Path) -> list[str]:
        """The command that makes one call; the answer is on its standard output."""
        return [*self._local("invoke"), "--event", str(event), self.logical_id]

    def api_command(self, port: int) -> list[str]:
        """The command that serves the template's HTTP API; a container lives on after its call."""
        # EAGER would start the CDK's own functions too, whose bases come from a registry.
        return [*self._local("start-api"), "--port", str(port), "--warm-containers", "LAZY"]

    def _local(self, verb: str) -> list[str]:
        given = ("--template", str(self.template), "--env-vars", str(self.variables))
        return [str(self.executable), "local", verb, *given, "--skip-pull-image"]


@contextmanager
def prepared(
    executable: Path,
    template: Path,
    *,
    image: str,
    index_url: str,
    variables: Mapping[str, str] | None = None,
    docker: str = "docker",
) -> Iterator[Sam]:
    """Prepare what SAM needs, until the block ends.

    SAM takes variables only for names that the template has, and mounts nothing into an image, so
    that other variables and a SQLite file go into an image on top.

    Args:
        executable: The command ``sam``.
        template: The synthesised one.
        image: The search image.
        index_url: As ``INDEX_URL`` has it on this machine.
        variables: More settings.
        docker: The command.

    Raises:
        SettingsError: The template, the image or the index is not there, or Docker is not.
    """
    function = read_search_function(template)
    with (
        reach_index(index_url, docker=docker) as index,
        tempfile.TemporaryDirectory() as directory,
    ):
        given = {**_NOT_HERE, INDEX_URL_ENV: index.url, **(variables or {})}
        by_sam = {name: value for name, value in given.items() if name in function.variables}
        in_image = {name: value for name, value in given.items() if value and name not in by_sam}
        derive_image(docker, image, function.image, environment=in_image, index=index.file)
        file = Path(directory) / "variables.json"
        file.write_text(json.dumps({"Parameters": by_sam}), "utf-8")
        yield Sam(executable, template, function.logical_id, file)
