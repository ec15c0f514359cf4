from __future__ import annotations

import boto3
import pytest
from moto import mock_aws

from infra.key_authorizer.key_authorizer import handler, make_handler

pytestmark = pytest.mark.infra

EVENT: dict[str, object] = {"version": "2.0", "type": "REQUEST", "headers": {"x-api-key": "right"}}


def event(key: str) -> dict[str, object]:
    return EVENT | {"headers": {"x-api-key": key}}


def test_the_right_key_passes_and_no_other_does():
    handle = make_handler(lambda: "right")

    assert handle(event("right"), None) == {"isAuthorized": True}
    for wrong in ("", "Right", "right ", "rightright", "rïght", "🔑"):
        assert handle(event(wrong), None) == {"isAuthorized": False}


@pytest.mark.parametrize("headers", [None, {}, {"authorization": "right"}])
def test_a_request_without_the_header_does_not_pass(headers):
    handle = make_handler(lambda: "right")

    assert handle({"headers": headers}, None) == {"isAuthorized": False}


def test_a_rotated_key_counts_after_five_minutes():
    keys, now_s = ["old"], [1000.0]
    handle = make_handler(lambda: keys[-1], clock=lambda: now_s[0])
    assert handle(event("old"), None) == {"isAuthorized": True}
    keys.append("new")

    now_s[0] += 299
    assert handle(event("new"), None) == {"isAuthorized": False}
    now_s[0] += 1
    assert handle(event("new"), None) == {"isAuthorized": True}
    assert handle(event("old"), None) == {"isAuthorized": False}


def test_a_key_that_cannot_be_read_lets_nobody_pass():
    def fail() -> str:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        make_handler(fail)(event(""), None)


@mock_aws
def test_the_key_is_read_from_secrets_manager(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    client = boto3.client("secretsmanager")
    secret = client.create_secret(Name="key", SecretString="from the manager")
    monkeypatch.setenv("KEY_SECRET_ARN", secret["ARN"])

    assert handler(event("from the manager"), None) == {"isAuthorized": True}
    assert handler(event("another"), None) == {"isAuthorized": False}
