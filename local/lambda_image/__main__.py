"""``python -m local.lambda_image invoke|api``: the search image through SAM, on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from ingest.exit_codes import DONE, WRONG_INPUT
from local.lambda_image.sam import prepared
from photo_search.errors import SettingsError

# SAM otherwise tells its makers of each run and looks for credentials on the network for seconds.
QUIET = {"SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb until it ends or Ctrl-C.

    Args:
        argv: The arguments; those of the process when left out.

    Returns:
        The exit code.
    """
    options = _parse(argv)
    try:
        with prepared(
            options.sam,
            options.template,
            image=options.image,
            index_url=options.index,
            docker=options.docker,
        ) as sam:
            command = (
                sam.invoke_command(options.event)
                if options.verb == "invoke"
                else sam.api_command(options.port)
            )
            # Ctrl-C reaches SAM too, which takes its container down.
            return subprocess.run(command, env={**_inherited(), **QUIET}, check=False).returncode  # noqa: S603
    except KeyboardInterrupt:
        return DONE
    except SettingsError as error:
        sys.stderr.write(f"photo-search: {error}\n")
        return WRONG_INPUT


def _inherited() -> dict[str, str]:
    return dict(os.environ)  # noqa: TID251 - handed on, not read


def _parse(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser("python -m local.lambda_image", description=__doc__)
    parser.add_argument("verb", choices=("invoke", "api"))
    parser.add_argument("--sam", type=Path, required=True, help="the command sam")
    parser.add_argument("--template", type=Path, required=True, help="synthesised by the CDK")
    parser.add_argument("--image", default="photo-search")
    parser.add_argument("--index", required=True, metavar="URL", help="as INDEX_URL has it here")
    parser.add_argument("--event", type=Path, default=Path("events/text.json"))
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--docker", default="docker", help="its command")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
