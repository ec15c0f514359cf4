"""What a deployed stack says of itself, and AWS's errors in this project's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    LoginError,
    NoCredentialsError,
    NoRegionError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnection

from photo_search.errors import IndexUnavailable, PhotoSearchError, SettingsError

GPU, CPU = "gpu", "cpu"
VARIANTS = (GPU, CPU)

_OUTPUTS_OF = {GPU: ("JobQueue", "JobDefinition"), CPU: ("CpuJobQueue", "CpuJobDefinition")}
_PHOTOS_OUTPUT = "PhotosBucket"
_NO_SUCH_STACK = "ValidationError"
# Each service has words of its own: docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_UNKNOWN_KEY = frozenset(
    {"InvalidClientTokenId", "InvalidAccessKeyId", "UnrecognizedClientException"}
)
_BUSY = frozenset({"Throttling", "ThrottlingException", "TooManyRequestsException", "SlowDown"})
_SERVER_ERROR = 500


class CloudFormationClient(Protocol):
    """What is used of boto3's CloudFormation client."""

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        """Describe one stack."""


@dataclass(frozen=True, slots=True)
class JobPlace:
    """Where jobs of one kind go.

    Attributes:
        queue: ARN of the job queue.
        definition: ARN of the job definition, with its revision.
    """

    queue: str
    definition: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a stack tells of its ingest.

    Attributes:
        stack: Its name.
        photos_bucket: Name of the bucket with the originals.
        places: Where jobs go, by variant; one that the stack was deployed without is absent.
    """

    stack: str
    photos_bucket: str
    places: Mapping[str, JobPlace]

    def place(self, variant: str) -> JobPlace:
        """Where jobs of a variant go.

        Raises:
            SettingsError: The stack was deployed without it.
        """
        if variant not in self.places:
            there = ", ".join(self.places)
            msg = f"stack {self.stack} has no {variant} jobs; it has {there}"
            raise SettingsError(msg)
        return self.places[variant]


def read_deployment(client: CloudFormationClient, stack: str) -> Deployment:
    """Read the outputs of a stack.

    Raises:
        SettingsError: There is no such stack in the account and region, or it lacks the outputs.
        IndexUnavailable: AWS does not answer.
    """
    with aws_errors(f"reading stack {stack}"):
        try:
            (described,) = client.describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            if _code(error) != _NO_SUCH_STACK:
                raise
            msg = (
                f"there is no stack {stack} in this account and region; `make deploy` makes one, "
                "STACK=, AWS_REGION= and AWS_PROFILE= name another"
            )
            raise SettingsError(msg) from error
    outputs = {one["OutputKey"]: one["OutputValue"] for one in described.get("Outputs", [])}
    places = {
        variant: JobPlace(outputs[queue], outputs[definition])
        for variant, (queue, definition) in _OUTPUTS_OF.items()
        if queue in outputs and definition in outputs
    }
    missing = [] if _PHOTOS_OUTPUT in outputs else [_PHOTOS_OUTPUT]
    if not places:
        missing += [name for names in _OUTPUTS_OF.values() for name in names if name not in outputs]
    if missing:
        msg = (
            f"stack {stack} ({described.get('StackStatus', 'of unknown state')}) lacks the outputs "
            f"{', '.join(missing)}; is it one of photo-search, and is its deployment complete?"
        )
        raise SettingsError(msg)
    return Deployment(stack, outputs[_PHOTOS_OUTPUT], places)


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Turn what boto3 raises into this project's errors.

    Args:
        doing: What is being done, for the message.

    Raises:
        SettingsError: There are no credentials or no region, or the credentials do not allow it.
        IndexUnavailable: AWS does not answer or is busy, or the credentials have expired: the same
            works later, or with new ones. So ``s3_errors`` has it.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise _translated(error, doing) from error


def _translated(error: BotoCoreError | ClientError, doing: str) -> PhotoSearchError:
    if isinstance(error, ClientError):
        return _translated_answer(error, doing)
    if isinstance(error, NoCredentialsError):
        return SettingsError(
            f"{doing}: there are no AWS credentials; sign in (`aws sso login`, `aws configure`) "
            "or name a profile by AWS_PROFILE="
        )
    if isinstance(error, SSOError | LoginError | TokenRetrievalError):
        return IndexUnavailable(f"{doing}: {_renew(str(error))}")
    if isinstance(error, NoRegionError):
        return SettingsError(f"{doing}: no AWS region is known; give one by AWS_REGION=")
    if isinstance(error, HTTPClientError | NoConnection):
        return IndexUnavailable(f"{doing}: AWS does not answer: {error}")
    return SettingsError(f"{doing}: {error}")


def _translated_answer(error: ClientError, doing: str) -> PhotoSearchError:
    code, reason = _code(error), error.response["Error"].get("Message", "")
    if code in _EXPIRED:
        return IndexUnavailable(f"{doing}: {_renew(reason)}")
    if code in _UNKNOWN_KEY:
        return SettingsError(f"{doing}: AWS does not know the credentials ({code}): {reason}")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _BUSY or status >= _SERVER_ERROR:
        return IndexUnavailable(f"{doing}: AWS is busy ({code}): {reason}")
    return SettingsError(f"{doing}: AWS refuses ({code}): {reason}")


def _renew(reason: str) -> str:
    return f"the AWS credentials have expired; renew them (`aws sso login`) and run again: {reason}"


def _code(error: ClientError) -> str:
    return str(error.response["Error"].get("Code", ""))
