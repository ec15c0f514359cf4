"""The ingest image as the job and the writer take it: built from the repository, by target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import aws_cdk as cdk
from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_lambda as lambda_

from infra.config import DeploymentConfig
from infra.image_context import ROOT, context_patterns

GPU_TARGET, CPU_TARGET = "gpu", "cpu"
MODEL_DIR = "/opt/model"
"""Where the image has the bundle: ingest/Dockerfile."""

DOCKERFILE = "ingest/Dockerfile"


class _Build(TypedDict):
    file: str
    target: str
    build_args: Mapping[str, str]
    exclude: Sequence[str]
    ignore_mode: cdk.IgnoreMode
    platform: assets.Platform


def job_image(config: DeploymentConfig, target: str) -> ecs.ContainerImage:
    """The image of a job, ``GPU_TARGET`` or ``CPU_TARGET``."""
    return ecs.ContainerImage.from_asset(str(ROOT), **_build(config, target))


def function_image(config: DeploymentConfig, handler: str) -> lambda_.DockerImageCode:
    """The CPU image as a Lambda, whose runtime client calls a handler."""
    return lambda_.DockerImageCode.from_image_asset(
        str(ROOT),
        # The image itself starts as a job.
        entrypoint=["python3", "-m", "awslambdaric"],
        cmd=[handler],
        **_build(config, CPU_TARGET),
    )


def _build(config: DeploymentConfig, target: str) -> _Build:
    ingest = config.ingest
    base_image = ingest.gpu_base_image if target == GPU_TARGET else ingest.base_image
    build_args = {"BUNDLE": config.bundle.directory}
    if base_image:
        build_args["BASE_IMAGE"] = base_image
    return _Build(
        file=DOCKERFILE,
        target=target,
        build_args=build_args,
        exclude=context_patterns(DOCKERFILE, config),
        ignore_mode=cdk.IgnoreMode.DOCKER,
        # Neither onnxruntime's GPU wheels nor a stable start on arm64 are to be had.
        platform=assets.Platform.LINUX_AMD64,
    )
