"""What S3 and boto3 say, in this project's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from photo_search.errors import (
    IndexAccessDenied,
    IndexUnavailable,
    PhotoSearchError,
    SettingsError,
)

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; a HEAD has no body, so that
# botocore makes the status its code.
LOST_RACE = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409"})
NOT_THERE = frozenset({"NoSuchKey", "404", "NotFound"})
UNCHANGED = frozenset({"304", "NotModified"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_UNKNOWN_KEY = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"})
_DENIED = frozenset({"AccessDenied", "403", "Forbidden", "AllAccessDisabled"})
_OTHER_REGION = frozenset(
    {"PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraint"}
)
_BUSY = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "503"})


@contextmanager
def s3_errors(place: object) -> Iterator[None]:
    """Turn what boto3 raises into errors that say what to do.

    Args:
        place: What is asked for.

    Raises:
        IndexUnavailable: S3 does not answer or is busy, or the credentials have expired: the same
            works later, or with new ones.
        IndexAccessDenied: The credentials may not do it, or are unknown.
        SettingsError: There is no such bucket or it is of another region, there are no
            credentials, or S3 refuses for another reason.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _of_answer(error, place) from error
    except BotoCoreError as error:
        raise _of_botocore(error, place) from error


def code_of(error: ClientError) -> str:
    """S3's word for what is wrong."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _of_answer(error: ClientError, place: object) -> PhotoSearchError:
    code = code_of(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = f"{place}: S3 says {code}"
    if code in _EXPIRED:
        return IndexUnavailable(
            f"{said}: the AWS credentials have expired; renew them (`aws sso login`) and run again"
        )
    if code in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return IndexUnavailable(f"{said}; it is busy or away, run again later")
    if code in _UNKNOWN_KEY:
        return IndexAccessDenied(f"{said}: it does not know these credentials; check AWS_PROFILE")
    if code in _DENIED:
        return IndexAccessDenied(
            f"{said} to {error.operation_name}: check the name of the bucket, and that the role or "
            "user may read, list and, save for the photos, put and delete there"
        )
    if code == "NoSuchBucket":
        return SettingsError(f"{said}: there is no such bucket; check its name and the account")
    if code in _OTHER_REGION:
        return SettingsError(f"{said}: the bucket lies in another region; set AWS_REGION to it")
    reason = error.response.get("Error", {}).get("Message", "")
    return SettingsError(f"{said}: {reason}")


def _of_botocore(error: BotoCoreError, place: object) -> PhotoSearchError:
    from botocore import exceptions as said

    if isinstance(error, said.NoCredentialsError | said.PartialCredentialsError):
        return SettingsError(
            f"{place}: there are no AWS credentials; sign in (`aws sso login`, `aws configure`), "
            "or name a profile by AWS_PROFILE"
        )
    if isinstance(error, said.SSOError | said.LoginError | said.TokenRetrievalError):
        return IndexUnavailable(
            f"{place}: the AWS sign-in has expired; renew it (`aws sso login`) and run again"
        )
    lost = (
        *(said.ConnectionError, said.HTTPClientError, said.CredentialRetrievalError),
        *(said.IncompleteReadError, said.ResponseStreamingError),
    )
    if isinstance(error, lost):
        return IndexUnavailable(f"{place}: S3 does not answer ({error}); run again later")
    return SettingsError(f"{place}: {error}")
