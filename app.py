"""The CDK app: ``python app.py`` writes ``cdk.out``, without account, network or Docker.

The CDK's command line calls it too and says by variables where to write and what the context is.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser

import aws_cdk as cdk

from infra.acknowledgements import check_by_rules
from infra.config import ConfigError, DeploymentConfig
from infra.config_reading import read_config
from infra.context import add_context_argument, read_context
from infra.image_context import ROOT
from infra.stack import PhotoSearchStack, no_site_note

_OUTDIR = os.environ.get("CDK_OUTDIR", "cdk.out")  # noqa: TID251 - the CDK's, not a setting


def main(arguments: list[str] | None = None) -> int:
    """Synthesise one deployment.

    Returns:
        The exit code: 2 for a wrong configuration.
    """
    parser = ArgumentParser(description=__doc__)
    add_context_argument(parser)
    parsed = parser.parse_args(arguments)
    try:
        config = synthesise(read_context(parsed.context), outdir=_OUTDIR)
    except ConfigError as error:
        sys.stderr.write(f"app.py: {error}\n")
        return 2
    facts = f"{config.size}, index {config.index}, auth {config.auth}, {config.region}"
    sys.stderr.write(f"{config.name} ({facts}) is in {_OUTDIR}\n")
    if not config.has_site:
        sys.stderr.write(f"{no_site_note(config)}\n")
    return 0


def synthesise(context: dict[str, object], *, outdir: str) -> DeploymentConfig:
    """Write the stack's template and assets, and return what they were made from.

    Args:
        context: Keys to values; what the CDK's command line gives outranks it.
        outdir: Directory to write to.

    Raises:
        ConfigError: The configuration is wrong.
        RuntimeError: A rule of cdk-nag is broken without a reason given.
    """
    app = cdk.App(context=context, outdir=outdir, analytics_reporting=False)
    config = read_config(app.node.get_all_context(), root=ROOT)
    stack = PhotoSearchStack(app, config.name, config=config)
    check_by_rules(app, stack)
    app.synth()
    return config


if __name__ == "__main__":
    sys.exit(main())
