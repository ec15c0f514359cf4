"""``make ingest-aws``: submits an ingest to a deployed stack and follows it.

An array job embeds the photos, each child a share of them; one job that waits for it then fills the
index. A small collection is left to that one alone.
"""

from __future__ import annotations

import math
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ingest.cloud.batch_jobs import BatchJobs
from ingest.cloud.deployment import (
    CPU,
    GPU,
    VARIANTS,
    CloudFormationClient,
    Deployment,
    aws_errors,
    read_deployment,
)
from ingest.cloud.follow import follow
from ingest.command import exit_code
from ingest.exit_codes import RETRY
from photo_search.errors import PhotoSearchError

DEFAULT_STACK = "photo-search"
MOST_PARTS = 10_000  # AWS Batch's limit for an array
AUTO = "auto"

# Four vCPUs embed some 20 to 50 pictures a second with a ViT-B/32 in int8, and decode them besides:
# 50,000 take an hour or less, for which no GPU instance has to be found and started.
_MOST_PHOTOS_FOR_CPU = 50_000
# About a quarter of an hour each, so that starting (minutes) and a Spot reclaim cost little of it.
_PHOTOS_PER_PART = {GPU: 200_000, CPU: 20_000}
_MOST_CHOSEN_PARTS = 64
_LISTED_AT_ONCE = 1000


class S3Client(Protocol):
    """What is used of boto3's S3 client."""

    def get_paginator(self, operation: str) -> Any:
        """Make what reads a listing page by page."""


@dataclass(frozen=True, slots=True)
class Clients:
    """What talks to AWS."""

    cloudformation: CloudFormationClient
    s3: S3Client
    jobs: BatchJobs


@dataclass(frozen=True, slots=True)
class Plan:
    """How an ingest is cut.

    Attributes:
        variant: ``gpu`` or ``cpu``.
        parts: Children that embed; 1 leaves everything to the job that fills the index.
    """

    variant: str
    parts: int


def main(
    argv: Sequence[str] | None = None,
    *,
    connect: Callable[[], Clients] | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> int:
    """Submit an ingest, or follow one, until it has ended.

    Args:
        argv: The arguments; those of the process when left out.
        connect: Makes the clients; boto3's when left out.
        sleep: Waits between looks.

    Returns:
        The exit code: 0 done, 1 done with some photos skipped, 2 wrong settings, 70 an error of
        ours, 75 worth retrying.
    """
    arguments = _parser().parse_args(argv)
    job_id = str(arguments.follow or "")
    try:
        clients = (connect or boto3_clients)()
        if not job_id:
            job_id = submit(clients, arguments)
        return follow(clients.jobs, job_id, say=_say, sleep=sleep)
    except PhotoSearchError as error:
        _complain(f"ingest-aws: {error}")
        _tell_how_to_go_on(job_id)
        return exit_code(error)
    except KeyboardInterrupt:
        _complain("ingest-aws: stopped looking")
        _tell_how_to_go_on(job_id)
        return RETRY


def submit(clients: Clients, arguments: Namespace) -> str:
    """Submit the jobs of one ingest.

    Args:
        clients: What talks to AWS.
        arguments: ``stack``, ``variant``, ``parts``.

    Returns:
        Id of the last job.

    Raises:
        SettingsError: The stack, its outputs or the permissions are not what is needed.
        IndexUnavailable: AWS does not answer.
    """
    deployment = read_deployment(clients.cloudformation, arguments.stack)
    plan = _plan(clients, deployment, arguments)
    place = deployment.place(plan.variant)
    embedding = None
    if plan.parts > 1:
        embedding = clients.jobs.submit(
            place,
            f"{deployment.stack}-embed",
            more_arguments=("--part", AUTO, "--parts", str(plan.parts)),
            parts=plan.parts,
        )
        _say(f"submitted {deployment.stack}-embed, {plan.parts} parts: {embedding}")
    filling = clients.jobs.submit(place, f"{deployment.stack}-fill", after=embedding)
    _say(f"submitted {deployment.stack}-fill, which ends in the index: {filling}")
    return filling


def choose_plan(photo_count: int, *, variants: Sequence[str], variant: str, parts: int) -> Plan:
    """Cut an ingest by the size of the collection.

    Args:
        photo_count: How many photos there are, about.
        variants: What the stack was deployed with.
        variant: ``gpu``, ``cpu``, or ``auto`` for the one that suits the size.
        parts: Children that embed; 0 for as many as suit the size.
    """
    if variant == AUTO:
        wanted = CPU if photo_count <= _MOST_PHOTOS_FOR_CPU else GPU
        variant = wanted if wanted in variants else variants[0]
    if not parts:
        parts = min(_MOST_CHOSEN_PARTS, max(1, math.ceil(photo_count / _PHOTOS_PER_PART[variant])))
    return Plan(variant, parts)


def boto3_clients() -> Clients:
    """Clients with the credentials and the region of the environment, as the AWS tools find them.

    Raises:
        SettingsError: There is no region, or the named profile does not exist.
    """
    import boto3

    with aws_errors("looking for credentials"):
        session = boto3.Session()
        return Clients(
            cloudformation=session.client("cloudformation"),
            s3=session.client("s3"),
            jobs=BatchJobs(session.client("batch"), session.client("logs")),
        )


def _plan(clients: Clients, deployment: Deployment, arguments: Namespace) -> Plan:
    is_given = arguments.variant != AUTO and arguments.parts
    photo_count = 0 if is_given else _count_photos(clients.s3, deployment.photos_bucket)
    plan = choose_plan(
        photo_count,
        variants=list(deployment.places),
        variant=arguments.variant,
        parts=arguments.parts,
    )
    counted = "" if is_given else f"{photo_count} objects in {deployment.photos_bucket}: "
    _say(f"{counted}{plan.variant} jobs, {plan.parts} at once")
    return plan


def _count_photos(s3: S3Client, bucket: str) -> int:
    """Count objects, as far as the count still changes the plan."""
    most = _MOST_CHOSEN_PARTS * _PHOTOS_PER_PART[GPU]
    with aws_errors(f"listing bucket {bucket}"):
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, PaginationConfig={"MaxItems": most, "PageSize": _LISTED_AT_ONCE}
        )
        return sum(len(page.get("Contents", ())) for page in pages)


def _parser() -> ArgumentParser:
    parser = ArgumentParser("ingest-aws", description="Ingest a deployed stack's photos bucket.")
    parser.add_argument("--stack", default=DEFAULT_STACK, help=f"default: {DEFAULT_STACK}")
    parser.add_argument(
        "--variant",
        choices=(AUTO, *VARIANTS),
        default=AUTO,
        help=f"default: cpu up to {_MOST_PHOTOS_FOR_CPU} photos, gpu beyond",
    )
    parser.add_argument(
        "--parts", type=_parts, default=0, metavar="N", help="default: by the number of photos"
    )
    parser.add_argument("--follow", metavar="JOB_ID", help="submit nothing; follow this job")
    return parser


def _parts(text: str) -> int:
    from argparse import ArgumentTypeError

    if not text.isdecimal() or not 1 <= int(text[:9]) <= MOST_PARTS:
        msg = f"{text!r} is no whole number from 1 to {MOST_PARTS}"
        raise ArgumentTypeError(msg)
    return int(text)


def _tell_how_to_go_on(job_id: str) -> None:
    if job_id:
        _complain(f"the jobs go on by themselves; to follow them: make ingest-aws FOLLOW={job_id}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
