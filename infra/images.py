"""The images as functions and jobs take them: built from the repository."""

from __future__ import annotations

from typing import TypedDict

import aws_cdk as cdk
from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_lambda as lambda_

from infra.bundle import Bundle
from infra.config import DeploymentConfig
from infra.image_context import ROOT, context_patterns

SEARCH_DOCKERFILE, INGEST_DOCKERFILE = "lambda_src/Dockerfile", "ingest/Dockerfile"
GPU_TARGET, CPU_TARGET = "gpu", "cpu"
MODEL_DIR = "/opt/model"
"""Where each image has the bundle."""


class _Build(TypedDict):
    file: str
    target: str | None
    build_args: dict[str, str]
    exclude: list[str]
    ignore_mode: cdk.IgnoreMode
    platform: assets.Platform


def search_image(config: DeploymentConfig) -> lambda_.DockerImageCode:
    """The image that answers searches."""
    build = _build(SEARCH_DOCKERFILE, config.bundle, base_image=config.lambda_base_image)
    return lambda_.DockerImageCode.from_image_asset(str(ROOT), **build)


def job_image(config: DeploymentConfig, target: str) -> ecs.ContainerImage:
    """The ingest image as a job, ``GPU_TARGET`` or ``CPU_TARGET``."""
    return ecs.ContainerImage.from_asset(str(ROOT), **_ingest_build(config, target))


def function_image(config: DeploymentConfig, handler: str) -> lambda_.DockerImageCode:
    """The ingest image for CPUs as a Lambda, whose runtime client calls a handler."""
    return lambda_.DockerImageCode.from_image_asset(
        str(ROOT),
        # The image itself starts as a job.
        entrypoint=["python3", "-m", "awslambdaric"],
        cmd=[handler],
        **_ingest_build(config, CPU_TARGET),
    )


def _ingest_build(config: DeploymentConfig, target: str) -> _Build:
    ingest = config.ingest
    bundle, base_image = (
        (ingest.gpu_bundle, ingest.gpu_base_image)
        if target == GPU_TARGET
        else (config.bundle, ingest.base_image)
    )
    return _build(INGEST_DOCKERFILE, bundle, base_image=base_image, target=target)


def _build(
    dockerfile: str, bundle: Bundle, *, base_image: str, target: str | None = None
) -> _Build:
    build_args = {"BUNDLE": bundle.directory}
    if base_image:
        build_args["BASE_IMAGE"] = base_image
    return _Build(
        file=dockerfile,
        target=target,
        build_args=build_args,
        exclude=context_patterns(dockerfile, bundle),
        ignore_mode=cdk.IgnoreMode.DOCKER,
        # Neither onnxruntime's GPU wheels nor a stable start on arm64 are to be had.
        platform=assets.Platform.LINUX_AMD64,
    )
