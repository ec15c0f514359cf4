from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from photo_search.aws_credentials import AwsCredentialSource
from photo_search.container_credentials import AwsCredentials
from photo_search.errors import IndexUnavailable, SettingsError
from photo_search.settings import AwsEnvironment, read_aws_environment
from tests.conftest import REPOSITORY
from tests.core.credentials_endpoint import credentials_answer, in_turn, leading_to
from tests.core.raw_server import RawServer, resets

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
CONTAINER = AwsEnvironment(container_relative_uri="/role")


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: int) -> None:
        self.now += timedelta(**duration)


class Endpoint:
    """Gives a new key each time, valid for an hour, unless it is away."""

    def __init__(self, clock: Clock) -> None:
        self.calls = 0
        self.is_away = False
        self._clock = clock

    def __call__(self, _environment: AwsEnvironment) -> AwsCredentials:
        self.calls += 1
        if self.is_away:
            msg = "away"
            raise IndexUnavailable(msg)
        return AwsCredentials(f"KEY{self.calls}", "s", "t", self._clock.now + timedelta(hours=1))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def endpoint(clock: Clock) -> Endpoint:
    return Endpoint(clock)


@pytest.fixture
def source(clock: Clock, endpoint: Endpoint) -> AwsCredentialSource:
    return AwsCredentialSource(read=lambda: CONTAINER, fetch=endpoint, now=clock)


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A laptop without credentials, and where its profiles would be."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


def test_keys_of_the_environment_are_read_at_each_use(monkeypatch):
    source = AwsCredentialSource()
    for key in ("FIRST", "SECOND"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"secret of {key}")
        monkeypatch.setenv("AWS_SESSION_TOKEN", f"token of {key}")

        assert source.current() == AwsCredentials(key, f"secret of {key}", f"token of {key}")


def test_keys_of_the_environment_go_before_the_container(endpoint):
    both = AwsEnvironment("KEY", "secret", container_relative_uri="/role")

    assert AwsCredentialSource(read=lambda: both, fetch=endpoint).current().access_key == "KEY"
    assert endpoint.calls == 0


def test_nothing_is_read_before_the_first_use(endpoint, source):
    assert endpoint.calls == 0
    assert source.current().access_key == "KEY1"


def test_credentials_of_the_container_are_kept_until_5_minutes_before_they_expire(
    clock, endpoint, source
):
    assert source.current().access_key == "KEY1"
    clock.advance(minutes=54, seconds=59)
    assert source.current().access_key == "KEY1"
    assert endpoint.calls == 1

    clock.advance(seconds=1)

    assert source.current().access_key == "KEY2"
    assert endpoint.calls == 2


def test_while_the_endpoint_is_away_valid_credentials_serve_and_it_is_asked_at_times(
    clock, endpoint, source
):
    source.current()
    endpoint.is_away = True
    clock.advance(minutes=56)

    assert source.current().access_key == "KEY1"
    assert source.current().access_key == "KEY1"
    assert endpoint.calls == 2
    clock.advance(seconds=10)
    assert source.current().access_key == "KEY1"
    assert endpoint.calls == 3


def test_credentials_in_their_last_minutes_are_asked_for_every_10_seconds(clock):
    asked: list[datetime] = []

    def fetch(_environment: AwsEnvironment) -> AwsCredentials:
        asked.append(clock.now)
        return AwsCredentials("LAST", "s", "t", NOON + timedelta(minutes=2))

    source = AwsCredentialSource(read=lambda: CONTAINER, fetch=fetch, now=clock)
    for _ in range(30):
        assert source.current().access_key == "LAST"
        clock.advance(seconds=1)

    assert asked == [NOON + timedelta(seconds=after) for after in (0, 10, 20)]


def test_credentials_that_expired_while_the_endpoint_is_away_do_not_serve(clock, endpoint, source):
    source.current()
    endpoint.is_away = True
    clock.advance(hours=1)

    with pytest.raises(IndexUnavailable, match="away"):
        source.current()

    endpoint.is_away = False
    assert source.current().access_key == "KEY3"


def test_eight_threads_ask_the_endpoint_once():
    clock = Clock()
    answers = [
        credentials_answer("ONE", expires_at=NOON + timedelta(hours=1)),
        credentials_answer("TWO", expires_at=NOON + timedelta(hours=2)),
    ]
    together = Barrier(8)

    with RawServer(in_turn(*answers)) as server, ThreadPoolExecutor(8) as threads:
        environment = leading_to(server)
        source = AwsCredentialSource(read=lambda: environment, now=clock)

        def current_key(_thread: int) -> str:
            together.wait(timeout=10)
            return source.current().access_key

        assert list(threads.map(current_key, range(8))) == ["ONE"] * 8
        clock.advance(minutes=55)
        assert list(threads.map(current_key, range(8))) == ["TWO"] * 8

    assert len(server.requests) == 2


def test_an_endpoint_that_does_not_answer_is_unavailable():
    with RawServer(resets) as server:
        environment = leading_to(server)
        source = AwsCredentialSource(read=lambda: environment)
        with pytest.raises(IndexUnavailable, match="container credentials endpoint"):
            source.current()


def test_the_profile_of_a_laptop_is_used_last(no_aws):
    (no_aws / "credentials").write_text(
        "[default]\naws_access_key_id = PROFILE\naws_secret_access_key = secret\n"
    )

    source = AwsCredentialSource()

    assert source.current() == AwsCredentials("PROFILE", "secret")
    assert source.current() == AwsCredentials("PROFILE", "secret")


def test_without_any_credentials_the_error_says_the_three_ways(no_aws):
    with pytest.raises(SettingsError) as error:
        AwsCredentialSource().current()

    for way in ("AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "profile"):
        assert way in str(error.value)


def test_a_profile_that_does_not_exist_is_a_settings_error(no_aws, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    with pytest.raises(SettingsError, match="nobody"):
        AwsCredentialSource().current()


def test_a_profile_whose_sign_in_expired_works_again_once_it_is_renewed(no_aws, monkeypatch):
    monkeypatch.setenv("HOME", str(no_aws))
    (no_aws / "config").write_text(
        "[profile sso]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n"
        "region = eu-central-1\n"
        "[sso-session s]\nsso_region = eu-central-1\nsso_start_url = https://a.example/start\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "sso")

    with pytest.raises(IndexUnavailable, match=r"expired; renew it \(`aws sso login`\).*SSO"):
        AwsCredentialSource().current()


def test_a_sign_in_service_that_is_away_is_unavailable(no_aws):
    from botocore.exceptions import EndpointConnectionError

    class Away:
        def get_frozen_credentials(self) -> None:
            raise EndpointConnectionError(endpoint_url="https://sso.example")

    source = AwsCredentialSource(read=AwsEnvironment)
    source._of_profile = Away()

    with pytest.raises(IndexUnavailable, match=r"sso\.example"):
        source.current()


@pytest.mark.parametrize("way", ["environment", "container"])
def test_botocore_is_not_imported_where_it_is_not_needed(way):
    with RawServer(in_turn(credentials_answer(expires_at="2999-01-01T00:00:00Z"))) as server:
        given = {
            "environment": {"AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "secret"},
            "container": {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": leading_to(server).container_full_uri
            },
        }[way]
        code = (
            "import sys; from photo_search.aws_credentials import AwsCredentialSource;"
            "print(AwsCredentialSource().current().access_key,"
            " {'botocore', 'requests', 'urllib3'} & set(sys.modules))"
        )
        printed = subprocess.run(
            [sys.executable, "-c", code],
            env=given | {"PYTHONPATH": str(REPOSITORY / "lambda_src")},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    assert printed == {"environment": "KEY set()\n", "container": "ASIAONE set()\n"}[way]


def test_the_usual_reader_is_the_settings_module():
    assert AwsCredentialSource()._read is read_aws_environment
