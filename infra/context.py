"""What is said on the command line, on top of ``cdk.json``: ``-c key=value``, as the CDK's own."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Sequence

from infra.context_values import ConfigError
from infra.image_context import ROOT

CDK_JSON = "cdk.json"
_CLI_CONTEXT: dict[str, object] = {
    "aws:cdk:enable-asset-metadata": True,
    "aws:cdk:enable-path-metadata": True,
}
"""What the CDK's command line says by itself, and SAM needs to find the image; cdk.json may not."""


def add_context_argument(parser: ArgumentParser) -> None:
    """Let a command take ``-c key=value``, again and again."""
    parser.add_argument(
        *("-c", "--context"),
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a key of the deployment's configuration (docs/operations.md); may be repeated",
    )


def read_context(given: Sequence[str]) -> dict[str, object]:
    """The context of ``cdk.json`` with what was given on top.

    Args:
        given: Texts ``key=value``.

    Raises:
        ConfigError: One of them has no key, or ``cdk.json`` cannot be read.
    """
    try:
        flags: dict[str, object] = json.loads((ROOT / CDK_JSON).read_text("utf-8"))["context"]
    except (OSError, ValueError, KeyError) as error:
        msg = f"{CDK_JSON} cannot be read: {error}"
        raise ConfigError(msg) from error
    context = _CLI_CONTEXT | flags
    for text in given:
        key, equals, value = text.partition("=")
        if not key or not equals:
            msg = f"-c is {text!r}; it must be key=value"
            raise ConfigError(msg)
        context[key] = value
    return context
