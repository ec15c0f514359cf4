"""Asks a deployed API one question of each route and prints what came of it.

``make smoke``. With auth jwt it needs a token of a user (``--token``); without one it makes sure
that every route refuses.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError

from infra.config import ConfigError, DeploymentConfig
from infra.config_reading import read_config
from infra.context import add_context_argument, read_context
from infra.image_context import ROOT
from infra.key_access import KEY_HEADER

_TIMEOUT_S = 40  # an API that is cold and slow answers by itself before that
_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_WORDS = "red balloon"


@dataclass(frozen=True, slots=True)
class Question:
    """One request: where, and a JSON body where there is one."""

    url: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """Its verb."""
        return "GET" if self.body is None else "POST"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question.

    Attributes:
        question: What was asked.
        status: The answer's.
        is_right: Whether that is as it should be.
    """

    question: Question
    status: int
    is_right: bool


Ask = Callable[[Question], Answer]


def try_out(api_url: str, ask: Ask, *, refused: bool) -> Iterator[Outcome]:
    """Ask one question of each route.

    Args:
        api_url: Without the last slash.
        ask: Sends a question, with what shows who asks.
        refused: Whether every answer has to be a refusal.
    """

    def outcome(question: Question) -> tuple[Outcome, Answer]:
        answer = ask(question)
        right = answer.status in _REFUSALS if refused else answer.status == HTTPStatus.OK
        return Outcome(question, answer.status, right), answer

    for path in ("/healthz", "/openapi.json"):
        yield outcome(Question(f"{api_url}{path}"))[0]
    searched, answer = outcome(Question(f"{api_url}/search?q={_WORDS.replace(' ', '+')}&k=1"))
    yield searched
    body = json.dumps({"text": _WORDS, "k": 1}).encode()
    posted = Question(f"{api_url}/search", body, {"content-type": "application/json"})
    yield outcome(posted)[0]
    photo_id = _first_photo_id(answer)
    if photo_id or refused:
        yield outcome(Question(f"{api_url}/photos/{quote(photo_id or 'any', safe='')}"))[0]


def _first_photo_id(answer: Answer) -> str:
    if answer.status != HTTPStatus.OK:
        return ""
    hits = json.loads(answer.body)["hits"]
    return str(hits[0]["photo_id"]) if hits else ""


def send(question: Question) -> Answer:
    """Send a question over HTTPS.

    Raises:
        OSError: Nothing answers.
    """
    request = urllib.request.Request(  # noqa: S310 - an output of the stack
        question.url, data=question.body, headers=dict(question.headers), method=question.method
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
            return Answer(response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read())


def asking(
    config: DeploymentConfig, outputs: Mapping[str, str], *, session: boto3.Session, token: str
) -> Ask:
    """How the deployment's API is asked.

    Args:
        config: Says who may ask.
        outputs: The stack's.
        session: Credentials, for a signature or the key.
        token: A user's, with auth jwt; empty asks as nobody.
    """
    if config.auth == "iam":
        return lambda question: send(_signed(question, session, config.region))
    headers: dict[str, str] = {}
    if config.auth == "key":
        secrets = session.client("secretsmanager")
        secret = secrets.get_secret_value(SecretId=outputs["ApiKeySecret"])
        headers[KEY_HEADER] = secret["SecretString"]
    elif token:
        headers["authorization"] = f"Bearer {token}"
    return lambda question: send(
        Question(question.url, question.body, {**question.headers, **headers})
    )


def _signed(question: Question, session: boto3.Session, region: str) -> Question:
    request = AWSRequest(question.method, question.url, question.headers, question.body)
    SigV4Auth(session.get_credentials(), "execute-api", region).add_auth(request)
    return Question(question.url, question.body, dict(request.headers.items()))


def read_outputs(name: str, *, session: boto3.Session) -> dict[str, str]:
    """The outputs of a deployed stack.

    Raises:
        ClientError: There is no such stack, or it may not be seen.
    """
    answer: dict[str, Any] = session.client("cloudformation").describe_stacks(StackName=name)
    outputs = answer["Stacks"][0].get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def main(arguments: list[str] | None = None) -> int:
    """Ask, and print.

    Returns:
        The exit code: 1 where an answer is not as it should be, 2 where nothing can be asked.
    """
    parser = ArgumentParser(prog="python -m infra.smoke", description=__doc__)
    add_context_argument(parser)
    parser.add_argument("--token", default="", help="a user's access token, with auth jwt")
    parsed = parser.parse_args(arguments)
    try:
        config = read_config(read_context(parsed.context), root=ROOT)
        session = boto3.Session(region_name=config.region)
        outputs = read_outputs(config.name, session=session)
        ask = asking(config, outputs, session=session, token=parsed.token)
        refused = config.auth == "jwt" and not parsed.token
        outcomes = list(try_out(outputs["ApiUrl"], ask, refused=refused))
        if site := outputs.get("SiteUrl"):
            outcomes += [_seen(f"{site}{path}") for path in ("/", "/config.json")]
    except (ConfigError, BotoCoreError, ClientError, OSError) as error:
        sys.stderr.write(f"smoke: {error}\n")
        return 2
    for outcome in outcomes:
        word = "right" if outcome.is_right else "WRONG"
        print(f"{word}  {outcome.status}  {outcome.question.method} {outcome.question.url}")
    if refused:
        print("Asked without a token, every route has to refuse; --token asks as a user.")
    return 0 if all(outcome.is_right for outcome in outcomes) else 1


def _seen(url: str) -> Outcome:
    question = Question(url)
    status = send(question).status
    return Outcome(question, status, status == HTTPStatus.OK)


if __name__ == "__main__":
    sys.exit(main())
