"""What a deployment needs before it starts: looked at one by one, and said in one go.

``make deploy`` runs it first. Nothing is changed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.bundle import GPU_BUNDLE, gpu_export
from infra.config import ConfigError, DeploymentConfig
from infra.config_reading import read_config
from infra.context import add_context_argument, read_context
from infra.image_context import ROOT

Run = Callable[[Sequence[str]], str]
"""Runs a program and gives its output; OSError or SubprocessError where it fails."""
Client = Callable[[str], Any]
"""Gives boto3's client of a service."""

LEAST_NODE = 20
_GPU_VCPUS = 4  # of a g4dn.xlarge, the smallest machine with a GPU
_GPU_SPOT_QUOTA = "L-3819A6DF"  # "All G and VT Spot Instance Requests", in vCPUs
_CONCURRENCY_QUOTA = "L-B99A9384"  # "Concurrent executions"
_NEVER_RESERVED = 100  # copies that Lambda keeps for functions without a reservation
_OTHER_RESERVED = 1  # the writer's
_DOMAIN_ROLE = "AWSServiceRoleForAmazonOpenSearchService"
_RUN_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that a deployment lacks.

    Attributes:
        what: What, and what to do about it.
        blocks: Whether the deployment would fail; otherwise only some later use of it.
    """

    what: str
    blocks: bool = True


def find_missing(config: DeploymentConfig, *, run: Run, client: Client) -> list[Missing]:
    """Look for all that a deployment needs.

    Args:
        config: The deployment.
        run: Runs a program.
        client: Gives a client of AWS, in the deployment's region.
    """
    missing = [*_missing_tools(run), *_missing_model(config)]
    try:
        client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        # Without an account there is no use in asking it anything else.
        return [*missing, Missing(f"AWS credentials that hold ({error}): aws sso login, or keys")]
    for look in (_missing_bootstrap, _missing_concurrency, _missing_role, _missing_gpu_quota):
        try:
            missing += look(config, client)
        except (BotoCoreError, ClientError) as error:
            missing.append(
                Missing(f"an answer of AWS ({error}); nothing was changed", blocks=False)
            )
    return missing


def _missing_tools(run: Run) -> Iterator[Missing]:
    try:
        version = run(["node", "--version"]).strip()
    except (OSError, subprocess.SubprocessError):
        yield Missing(f"Node, {LEAST_NODE} or newer, with npx: nodejs.org")
    else:
        major = re.match(r"v(\d+)\.", version)
        if major is None or int(major[1]) < LEAST_NODE:
            yield Missing(f"a newer Node: {version} is here, {LEAST_NODE} is the least")
    try:
        run(["docker", "info", "--format", "{{.ServerVersion}}"])
    except (OSError, subprocess.SubprocessError):
        yield Missing("a Docker daemon that answers (docker info): it builds the images")


def _missing_model(config: DeploymentConfig) -> Iterator[Missing]:
    gpu_bundle = config.ingest.gpu_bundle
    if config.bundle.is_demo:
        if not config.allow_demo_model:
            yield Missing(
                f"a model of photographs: {config.bundle.directory} knows the demo's drawn "
                "pictures alone. Export one to build/bundle (README), or give allow_demo_model=true"
            )
    elif config.ingest.gpu_families and not gpu_bundle.runs_on_gpu:
        shared = gpu_bundle.directory == config.bundle.directory
        export = gpu_export(GPU_BUNDLE if shared else gpu_bundle.directory, config.bundle)
        yield Missing(
            f"a model that a GPU runs: {gpu_bundle.directory} is {gpu_bundle.precision}, for CPUs "
            f"alone, and a job with a GPU refuses it: {export}; or keep to CPUs (-c gpu=false)"
        )


def _missing_bootstrap(config: DeploymentConfig, client: Client) -> Iterator[Missing]:
    try:
        client("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        yield Missing(
            f"the CDK's own bucket and registry in {config.region}: "
            f"npx aws-cdk bootstrap aws://ACCOUNT/{config.region}, once for an account and region"
        )


def _missing_concurrency(config: DeploymentConfig, client: Client) -> Iterator[Missing]:
    limit = int(client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"])
    functions = 2 if config.auth == "key" else 1
    needed = functions * config.search.reserved_concurrency + _OTHER_RESERVED + _NEVER_RESERVED
    if limit < needed:
        yield Missing(
            f"concurrency of Lambda: the account has {limit}, this takes {needed}. Ask Service "
            f"Quotas for more ({_CONCURRENCY_QUOTA}), or give a smaller reserved_concurrency"
        )


def _missing_role(config: DeploymentConfig, client: Client) -> Iterator[Missing]:
    if not config.vpc:
        return
    try:
        client("iam").get_role(RoleName=_DOMAIN_ROLE)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        yield Missing(
            f"the role {_DOMAIN_ROLE}, by which a domain joins a VPC: aws iam "
            "create-service-linked-role --aws-service-name opensearchservice.amazonaws.com"
        )


def _missing_gpu_quota(config: DeploymentConfig, client: Client) -> Iterator[Missing]:
    if not config.ingest.gpu_families:
        return
    answer = client("service-quotas").get_service_quota(
        ServiceCode="ec2", QuotaCode=_GPU_SPOT_QUOTA
    )
    vcpus = int(answer["Quota"]["Value"])
    if vcpus < _GPU_VCPUS:
        yield Missing(
            f"a quota for GPUs: {vcpus} vCPUs of G instances on Spot in {config.region}, the "
            f"smallest has {_GPU_VCPUS}. Ask Service Quotas for more ({_GPU_SPOT_QUOTA}); until "
            "then jobs wait, and those on CPUs run",
            blocks=False,
        )


def main(arguments: list[str] | None = None) -> int:
    """Say what is missing.

    Returns:
        The exit code: 2 where a deployment would fail.
    """
    parser = ArgumentParser(prog="python -m infra.preflight", description=__doc__)
    add_context_argument(parser)
    parsed = parser.parse_args(arguments)
    try:
        config = read_config(read_context(parsed.context), root=ROOT)
    except ConfigError as error:
        sys.stderr.write(f"preflight: {error}\n")
        return 2
    session = boto3.Session(region_name=config.region)
    missing = find_missing(config, run=_run, client=session.client)
    for one in missing:
        sys.stderr.write(f"{'missing' if one.blocks else 'missing for later'}: {one.what}\n")
    if any(one.blocks for one in missing):
        return 2
    sys.stdout.write(f"All that {config.name} needs to be deployed to {config.region} is there.\n")
    return 0


def _run(command: Sequence[str]) -> str:
    answer = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=_RUN_TIMEOUT_S
    )
    return answer.stdout


if __name__ == "__main__":
    sys.exit(main())
