from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from moto import mock_aws

from infra import preflight
from infra.bundle import Bundle
from infra.config import DeploymentConfig
from infra.config_reading import read_config
from infra.image_context import ROOT
from infra.preflight import Missing, find_missing

pytestmark = pytest.mark.infra

REGION = "us-east-1"


def config(**context: object) -> DeploymentConfig:
    return read_config({"bundle": "models/demo", "allow_demo_model": True} | context, root=ROOT)


def run_all(command: Sequence[str]) -> str:
    return "v22.11.0\n" if command[0] == "node" else "29.0.1\n"


def run_without(program: str) -> Callable[[Sequence[str]], str]:
    def run(command: Sequence[str]) -> str:
        if command[0] == program:
            raise FileNotFoundError(program)
        return run_all(command)

    return run


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "Ask")


class FakeAws:
    """Answers what preflight asks; an answer that is an error is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {
            "get_caller_identity": {"Account": "123456789012"},
            "get_parameter": {"Parameter": {"Value": "30"}},
            "get_account_settings": {"AccountLimit": {"ConcurrentExecutions": 1000}},
            "get_role": {"Role": {}},
            "get_service_quota": {"Quota": {"Value": 8.0}},
        } | answers
        self.asked: list[str] = []

    def __call__(self, _service: str) -> FakeAws:
        return self

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def answer(**_parameters: object) -> Any:
            self.asked.append(name)
            given = self.answers[name]
            if isinstance(given, Exception):
                raise given
            return given

        return answer


def test_nothing_is_missing_where_all_is_there():
    assert find_missing(config(), run=run_all, client=FakeAws()) == []
    assert find_missing(config(vpc="true"), run=run_all, client=FakeAws()) == []


@pytest.mark.parametrize(("precision", "lacks"), [("int8", True), ("fp16", False), ("fp32", False)])
def test_a_model_that_no_gpu_runs_is_said_before_a_job_refuses_it(precision, lacks):
    one_for_all = exported("build/bundle", precision)

    missing = find_missing(holding(one_for_all, one_for_all), run=run_all, client=FakeAws())

    assert [(one.blocks, f"build/bundle is {precision}" in one.what) for one in missing] == (
        [(True, True)] if lacks else []
    )
    on_cpus = holding(one_for_all, one_for_all, gpu=False)
    assert find_missing(on_cpus, run=run_all, client=FakeAws()) == []


def test_a_second_bundle_lets_gpus_run_what_answers_in_int8():
    wanted = holding(exported("build/bundle", "int8"), exported("build/bundle-gpu", "fp16"))

    assert find_missing(wanted, run=run_all, client=FakeAws()) == []


@pytest.mark.parametrize(
    ("gpu_directory", "out"),
    [("build/bundle", "build/bundle-gpu"), ("models/own-gpu", "models/own-gpu")],
)
def test_the_command_that_makes_a_model_for_gpus_is_told(gpu_directory, out):
    wanted = holding(exported("build/bundle", "int8"), exported(gpu_directory, "int8"))

    one = only(find_missing(wanted, run=run_all, client=FakeAws()))

    assert f"make model PRECISION=fp16 OUT={out}, with the MODEL and REVISION" in one.what
    assert "made build/bundle (photo-search/demo-clip)" in one.what
    assert "-c gpu=false" in one.what
    assert one.blocks


def exported(directory: str, precision: str) -> Bundle:
    return replace(config().bundle, directory=directory, precision=precision)


def holding(bundle: Bundle, gpu_bundle: Bundle, **context: object) -> DeploymentConfig:
    wanted = config(**context)
    return replace(wanted, bundle=bundle, ingest=replace(wanted.ingest, gpu_bundle=gpu_bundle))


def only(missing: list[Missing]) -> Missing:
    (one,) = missing
    return one


@pytest.mark.parametrize(("program", "word"), [("node", "Node, 20"), ("docker", "Docker daemon")])
def test_a_tool_that_is_not_there_is_named(program, word):
    one = only(find_missing(config(), run=run_without(program), client=FakeAws()))

    assert word in one.what
    assert one.blocks


@pytest.mark.parametrize("version", ["v18.20.0", "v9.0.0", "nonsense"])
def test_an_old_node_is_named_with_its_version(version):
    def run(command: Sequence[str]) -> str:
        return version if command[0] == "node" else ""

    one = only(find_missing(config(), run=run, client=FakeAws()))

    assert version in one.what
    assert "20 is the least" in one.what


def test_a_docker_that_does_not_answer_is_missing():
    def run(command: Sequence[str]) -> str:
        if command[0] == "docker":
            raise subprocess.CalledProcessError(1, command)
        return run_all(command)

    assert "Docker" in only(find_missing(config(), run=run, client=FakeAws())).what


def test_the_demos_model_is_deployed_only_when_it_shall():
    refused = config(allow_demo_model=False)

    one = only(find_missing(refused, run=run_all, client=FakeAws()))

    assert "allow_demo_model=true" in one.what
    assert one.blocks


@pytest.mark.parametrize("failure", [NoCredentialsError(), error("ExpiredToken")])
def test_without_credentials_nothing_else_is_asked_of_aws(failure):
    aws = FakeAws(get_caller_identity=failure)

    one = only(find_missing(config(), run=run_all, client=aws))

    assert "AWS credentials" in one.what
    assert aws.asked == ["get_caller_identity"]


def test_everything_that_is_missing_is_said_in_one_go():
    aws = FakeAws(get_caller_identity=NoCredentialsError())

    missing = find_missing(config(allow_demo_model=False), run=run_without("node"), client=aws)

    assert len(missing) == 3


@pytest.mark.parametrize(
    ("answers", "context", "words", "blocks"),
    [
        ({"get_parameter": error("ParameterNotFound")}, {}, ["bootstrap", REGION], True),
        (
            {"get_account_settings": {"AccountLimit": {"ConcurrentExecutions": 10}}},
            {},
            ["has 10", "takes 111", "reserved_concurrency"],
            True,
        ),
        (
            {"get_account_settings": {"AccountLimit": {"ConcurrentExecutions": 115}}},
            {"auth": "key"},
            ["has 115", "takes 121"],
            True,
        ),
        ({"get_role": error("NoSuchEntity")}, {"vpc": "true"}, ["create-service-linked"], True),
        ({"get_service_quota": {"Quota": {"Value": 0.0}}}, {}, ["0 vCPUs", "L-3819A6DF"], False),
        ({"get_service_quota": error("AccessDenied")}, {}, ["AccessDenied"], False),
        ({"get_parameter": error("AccessDenied")}, {}, ["AccessDenied"], False),
        ({"get_role": error("AccessDenied")}, {"vpc": "true"}, ["AccessDenied"], False),
    ],
)
def test_what_an_account_lacks_is_named(answers, context, words, blocks):
    one = only(find_missing(config(**context), run=run_all, client=FakeAws(**answers)))

    assert all(word in one.what for word in words)
    assert one.blocks is blocks


def test_gpus_are_not_asked_for_where_none_are_used():
    aws = FakeAws()

    assert find_missing(config(gpu="false"), run=run_all, client=aws) == []
    assert "get_service_quota" not in aws.asked


@mock_aws
def test_it_asks_a_real_client_in_its_own_words(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    session = boto3.Session(region_name=REGION)
    fake = FakeAws()

    def client(service: str) -> Any:
        # What moto does not answer.
        return fake if service in ("lambda", "service-quotas") else session.client(service)

    wanted = config(vpc="true")
    words = [one.what for one in find_missing(wanted, run=run_all, client=client)]
    assert [("bootstrap" in word, "service-linked" in word) for word in words] == [
        (True, False),
        (False, True),
    ]

    session.client("ssm").put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String"
    )
    session.client("iam").create_service_linked_role(
        AWSServiceName="opensearchservice.amazonaws.com"
    )
    assert find_missing(config(), run=run_all, client=client) == []


def test_a_wrong_configuration_ends_it_with_2_and_one_line(capsys):
    assert preflight.main(["-c", "size=huge"]) == 2
    assert capsys.readouterr().err.startswith("preflight: size is 'huge'")
