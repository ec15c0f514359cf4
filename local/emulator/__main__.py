"""``python -m local.emulator``: the handler of this checkout under Lambda's runtime emulator.

Asks the events that are named and prints the answers; without any it waits for calls until Ctrl-C.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from ingest.exit_codes import DONE, WRONG_INPUT
from local.emulator import Emulator, find_emulator, running_emulator
from photo_search.errors import SettingsError

COMMAND = (sys.executable, "-m", "awslambdaric", "lambda_entry.handler")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the emulator.

    Args:
        argv: The arguments; those of the process when left out.

    Returns:
        The exit code.
    """
    options = _parse(argv)
    try:
        program = find_emulator(options.environment)
        variables = dict(os.environ)  # noqa: TID251 - handed on, not read
        with running_emulator(program, COMMAND, variables=variables) as emulator:
            if options.event:
                _ask(emulator, options.event)
            else:
                sys.stdout.write(f"curl -d @events/text.json {emulator.url}  (Ctrl-C stops)\n")
                sys.stdout.flush()
                signal.pause()
    except KeyboardInterrupt:
        return DONE
    except (SettingsError, OSError) as error:
        sys.stderr.write(f"photo-search: {error}\n")
        return WRONG_INPUT
    return DONE


def _ask(emulator: Emulator, events: Sequence[Path]) -> None:
    for path in events:
        event = json.loads(path.read_text("utf-8"))
        start_s = time.perf_counter()
        answer = emulator.invoke(event)
        sys.stderr.write(f"{path}: {(time.perf_counter() - start_s) * 1000:.0f} ms\n")
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")


def _parse(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser("python -m local.emulator", description=__doc__)
    parser.add_argument("event", type=Path, nargs="*")
    parser.add_argument(
        "--environment", type=Path, default=Path(".venv-sam"), help="where SAM is installed"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
