"""AWS credentials as they are now: of the environment, of the container, or of a profile.

Botocore finds all of them too, but takes 0.3 s to import, which the query path does without.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from photo_search.container_credentials import AwsCredentials, fetch_container_credentials
from photo_search.errors import IndexUnavailable, SettingsError
from photo_search.settings import AwsEnvironment, read_aws_environment

_RENEW_BEFORE = timedelta(minutes=5)
# At most: the endpoint may be away, or hand out the last minutes of what it has.
_ASK_EVERY = timedelta(seconds=10)
_THE_WAYS = (
    "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where AWS gives the container a role "
    "(AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI), or, on a laptop, install botocore and "
    "set up a profile"
)


def _now() -> datetime:
    return datetime.now(UTC)


class AwsCredentialSource:
    """Finds the credentials to sign the next request with; threads may share one.

    Nothing is read or asked before the first use, so that one can be made while a Lambda starts.
    """

    def __init__(
        self,
        *,
        read: Callable[[], AwsEnvironment] = read_aws_environment,
        fetch: Callable[[AwsEnvironment], AwsCredentials] = fetch_container_credentials,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """Keep where to look.

        Args:
            read: What the environment says now.
            fetch: Asks the container's endpoint.
            now: The time, aware.
        """
        self._read = read
        self._fetch = fetch
        self._now = now
        self._lock = Lock()
        # The container's credentials and when to ask for new ones.
        self._kept: tuple[AwsCredentials, datetime] | None = None
        # Botocore's credentials, which renew themselves.
        self._of_profile: Any = None

    def current(self) -> AwsCredentials:
        """Find the credentials of now.

        The environment is read at each call. The container's are kept until 5 minutes before they
        expire; should its endpoint be away then, they serve as long as they are valid.

        Raises:
            SettingsError: There are none, or what there is is malformed.
            IndexUnavailable: The endpoint that would give them does not answer, or a profile's
                sign-in has expired.
        """
        environment = self._read()
        if environment.access_key:
            return AwsCredentials(
                environment.access_key, environment.secret_key, environment.session_token
            )
        if environment.container_full_uri or environment.container_relative_uri:
            return self._still_good() or self._renew(environment)
        return self._profile_credentials()

    def _still_good(self) -> AwsCredentials | None:
        kept = self._kept
        return kept[0] if kept is not None and self._now() < kept[1] else None

    def _renew(self, environment: AwsEnvironment) -> AwsCredentials:
        with self._lock:
            renewed_meanwhile = self._still_good()
            if renewed_meanwhile is not None:
                return renewed_meanwhile
            now = self._now()
            try:
                credentials = self._fetch(environment)
            except IndexUnavailable:
                if self._kept is None or not _is_valid(self._kept[0], now):
                    raise
                credentials = self._kept[0]
            renew_at = (credentials.expires_at or now) - _RENEW_BEFORE
            self._kept = (credentials, max(renew_at, now + _ASK_EVERY))
            return credentials

    def _profile_credentials(self) -> AwsCredentials:
        with self._lock:
            if self._of_profile is None:
                self._of_profile = _load_profile_credentials()
            return _freeze(self._of_profile)


def _is_valid(credentials: AwsCredentials, now: datetime) -> bool:
    return credentials.expires_at is not None and now < credentials.expires_at


def _load_profile_credentials() -> Any:
    try:
        from botocore.exceptions import BotoCoreError
        from botocore.session import get_session
    except ImportError as error:
        msg = f"there are no AWS credentials, and no botocore to look for a profile; {_THE_WAYS}"
        raise SettingsError(msg) from error
    try:
        credentials = get_session().get_credentials()
    except BotoCoreError as error:
        msg = f"the AWS profile gives no credentials: {error}"
        raise SettingsError(msg) from error
    if credentials is None:
        msg = f"there are no AWS credentials; {_THE_WAYS}"
        raise SettingsError(msg)
    return credentials


def _freeze(credentials: Any) -> AwsCredentials:
    """Take what is valid now; botocore asks for new ones here where it must."""
    from botocore import exceptions as said

    try:
        frozen = credentials.get_frozen_credentials()
    except (said.ConnectionError, said.HTTPClientError) as error:
        msg = f"AWS does not answer when asked for the profile's credentials: {error}"
        raise IndexUnavailable(msg) from error
    except (said.SSOError, said.LoginError, said.TokenRetrievalError) as error:
        msg = (
            "the AWS sign-in has expired; renew it (`aws sso login`) and run the same again: "
            f"{error}"
        )
        raise IndexUnavailable(msg) from error
    except (said.BotoCoreError, said.ClientError) as error:
        msg = f"the AWS profile gives no credentials: {error}"
        raise SettingsError(msg) from error
    return AwsCredentials(frozen.access_key, frozen.secret_key, frozen.token or "")
