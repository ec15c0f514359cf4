"""`make ingest-aws` against moto's CloudFormation, Batch and S3, in which no container runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from moto import mock_aws

from ingest.cloud.batch_jobs import BatchJobs, Job
from ingest.cloud.deployment import CPU, GPU
from ingest.cloud.submit import Clients, Plan, boto3_clients, choose_plan, main
from ingest.exit_codes import DONE, RETRY, SOME_SKIPPED, WRONG_INPUT
from photo_search.errors import IndexUnavailable
from tests.ingest.cloud.fake_jobs import FakeJobs

REGION = "eu-west-1"
COMMAND = ["ingest", "bucket", "s3://photos", "--index", "https://d/photos"]
STACK = "photos"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws(config={"batch": {"use_docker": False}, "core": {"reset_boto3_session": True}}):
        yield


@pytest.fixture
def stack(aws: None) -> None:
    """A stack with a photos bucket and CPU jobs."""
    bucket = "photos-bucket-1"
    batch, iam = boto3.client("batch"), boto3.client("iam")
    boto3.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    for number in range(3):
        boto3.client("s3").put_object(Bucket=bucket, Key=f"{number}.jpg", Body=b"x")
    role = iam.create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    subnet = boto3.client("ec2").describe_subnets()["Subnets"][0]
    group = boto3.client("ec2").describe_security_groups()["SecurityGroups"][0]["GroupId"]
    environment = batch.create_compute_environment(
        computeEnvironmentName="cpu",
        type="MANAGED",
        serviceRole=role,
        computeResources={
            "type": "FARGATE",
            "maxvCpus": 16,
            "subnets": [subnet["SubnetId"]],
            "securityGroupIds": [group],
        },
    )["computeEnvironmentArn"]
    queue = batch.create_job_queue(
        jobQueueName="cpu",
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )["jobQueueArn"]
    definition = batch.register_job_definition(
        jobDefinitionName="cpu",
        type="container",
        containerProperties={
            "image": "x",
            "command": COMMAND,
            "resourceRequirements": [
                {"type": "VCPU", "value": "4"},
                {"type": "MEMORY", "value": "8192"},
            ],
        },
    )["jobDefinitionArn"]
    outputs = {"PhotosBucket": bucket, "CpuJobQueue": queue, "CpuJobDefinition": definition}
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    boto3.client("cloudformation").create_stack(StackName=STACK, TemplateBody=json.dumps(template))


@pytest.fixture
def run(stack: None) -> Callable[..., int]:
    def run(*argv: str) -> int:
        return main(["--stack", STACK, *argv], sleep=lambda _: None)

    return run


def jobs_by_name() -> dict[str, Any]:
    batch = boto3.client("batch")
    summaries = [
        one
        for status in ("SUBMITTED", "PENDING", "RUNNABLE", "RUNNING", "SUCCEEDED", "FAILED")
        for one in batch.list_jobs(jobQueue="cpu", jobStatus=status)["jobSummaryList"]
    ]
    described = batch.describe_jobs(jobs=[one["jobId"] for one in summaries])["jobs"]
    return {one["jobName"]: one for one in described}


def test_an_array_job_embeds_and_one_job_after_it_fills_the_index(run, capsys):
    assert run("--variant", "cpu", "--parts", "4") == DONE

    jobs = jobs_by_name()
    embedding, filling = jobs["photos-embed"], jobs["photos-fill"]
    assert embedding["arrayProperties"]["size"] == 4
    assert embedding["container"]["command"] == [*COMMAND, "--part", "auto", "--parts", "4"]
    assert [one["jobId"] for one in filling["dependsOn"]] == [embedding["jobId"]]
    assert filling["container"]["command"] == COMMAND
    out = capsys.readouterr().out
    assert f"submitted photos-embed, 4 parts: {embedding['jobId']}\n" in out
    assert f"ends in the index: {filling['jobId']}\n" in out


def test_a_small_collection_takes_one_cpu_job(run, capsys):
    assert run() == DONE

    jobs = jobs_by_name()
    assert list(jobs) == ["photos-fill"]
    assert "arrayProperties" not in jobs["photos-fill"] or not jobs["photos-fill"].get("dependsOn")
    assert "3 objects in photos-bucket-1: cpu jobs, 1 at once" in capsys.readouterr().out


def test_a_job_can_be_followed_again_by_its_id(run, capsys):
    run("--variant", "cpu", "--parts", "1")
    job_id = jobs_by_name()["photos-fill"]["jobId"]
    capsys.readouterr()

    assert run("--follow", job_id) == DONE

    assert capsys.readouterr().out.startswith("photos-fill SUCCEEDED")
    assert len(jobs_by_name()) == 1


def test_a_job_that_is_not_known_is_refused_by_its_id(run, capsys):
    assert run("--follow", "0d1e") == WRONG_INPUT

    assert "knows no job 0d1e" in capsys.readouterr().err


@pytest.mark.usefixtures("aws")
def test_a_stack_that_is_not_there_makes_exit_code_2(capsys):
    assert main(["--stack", "photso"]) == WRONG_INPUT

    errors = capsys.readouterr().err
    assert errors.startswith("ingest-aws: there is no stack photso in this account and region;")
    assert "FOLLOW" not in errors


def test_a_variant_that_the_stack_lacks_makes_exit_code_2(run, capsys):
    assert run("--variant", "gpu", "--parts", "2") == WRONG_INPUT

    assert "stack photos has no gpu jobs; it has cpu" in capsys.readouterr().err


@pytest.mark.parametrize("parts", ["0", "-1", "x", "10001", "9" * 30])
def test_a_number_of_parts_out_of_range_is_refused(parts, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--parts", parts])

    assert stop.value.code == WRONG_INPUT
    assert "from 1 to 10000" in capsys.readouterr().err


def test_without_credentials_one_is_told_to_sign_in(monkeypatch, tmp_path, capsys):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    boto3.DEFAULT_SESSION = None

    assert main(["--stack", STACK]) == WRONG_INPUT

    assert "there are no AWS credentials; sign in" in capsys.readouterr().err


def test_without_a_region_one_is_told_to_give_it(monkeypatch, tmp_path, capsys):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    assert main(["--stack", STACK]) == WRONG_INPUT

    assert "no AWS region is known; give one by AWS_REGION=" in capsys.readouterr().err


@pytest.mark.usefixtures("stack")
def test_ctrl_c_leaves_the_jobs_and_says_how_to_follow_them_again(capsys):
    def press(_seconds: float) -> NoReturn:
        raise KeyboardInterrupt

    def connect() -> Clients:
        # Of this moment's jobs the first look shows that they have not ended.
        clients = boto3_clients()
        describe = clients.jobs.describe
        clients.jobs.describe = lambda job_ids: [  # type: ignore[method-assign]
            Job(job.job_id, job.name, "RUNNABLE", waits_for=job.waits_for)
            for job in describe(job_ids)
        ]
        return clients

    code = main(
        ["--stack", STACK, "--variant", "cpu", "--parts", "2"], connect=connect, sleep=press
    )

    assert code == RETRY
    job_id = jobs_by_name()["photos-fill"]["jobId"]
    errors = capsys.readouterr().err
    assert (
        f"the jobs go on by themselves; to follow them: make ingest-aws FOLLOW={job_id}" in errors
    )


def following(jobs: FakeJobs) -> Callable[[], Clients]:
    return lambda: Clients(cloudformation=None, s3=None, jobs=jobs)  # type: ignore[arg-type]


def test_credentials_that_expire_meanwhile_leave_the_jobs_and_say_how_to_go_on(capsys):
    jobs = FakeJobs(
        (Job("f-1", "photos-fill", "RUNNING"),),
        IndexUnavailable("describing the jobs: the AWS credentials have expired; renew them"),
    )

    assert main(["--follow", "f-1"], connect=following(jobs), sleep=lambda _: None) == RETRY

    said = capsys.readouterr()
    assert "credentials have expired; renew them; asking again" in said.out
    assert "credentials have expired" in said.err
    assert "make ingest-aws FOLLOW=f-1" in said.err


def test_credentials_that_have_expired_before_the_jobs_give_75_as_they_do_everywhere(capsys):
    def connect() -> Clients:
        class Expired:
            def describe_stacks(self, **_: str) -> NoReturn:
                answer: Any = {"Error": {"Code": "ExpiredToken", "Message": "it is late"}}
                raise ClientError(answer, "DescribeStacks")

        return Clients(Expired(), s3=None, jobs=None)  # type: ignore[arg-type]

    assert main([], connect=connect) == RETRY

    errors = capsys.readouterr().err
    assert "the AWS credentials have expired; renew them (`aws sso login`) and run again" in errors
    assert "FOLLOW" not in errors


def test_the_exit_code_is_that_of_the_last_job(capsys):
    jobs = FakeJobs((Job("f-1", "photos-fill", "FAILED", exit_code=SOME_SKIPPED),))

    assert main(["--follow", "f-1"], connect=following(jobs)) == SOME_SKIPPED

    assert "some photos were skipped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("photo_count", "variants", "variant", "parts", "plan"),
    [
        (0, [GPU, CPU], "auto", 0, Plan(CPU, 1)),
        (20_000, [GPU, CPU], "auto", 0, Plan(CPU, 1)),
        (50_000, [GPU, CPU], "auto", 0, Plan(CPU, 3)),
        (50_001, [GPU, CPU], "auto", 0, Plan(GPU, 1)),
        (1_000_000, [GPU, CPU], "auto", 0, Plan(GPU, 5)),
        (1_000_000, [CPU], "auto", 0, Plan(CPU, 50)),
        (100_000_000, [GPU, CPU], "auto", 0, Plan(GPU, 64)),
        (10, [GPU, CPU], GPU, 0, Plan(GPU, 1)),
        (10, [GPU, CPU], GPU, 7, Plan(GPU, 7)),
    ],
)
def test_the_plan_follows_the_size_unless_one_is_given(photo_count, variants, variant, parts, plan):
    assert choose_plan(photo_count, variants=variants, variant=variant, parts=parts) == plan


class DescribingBatch:
    """Answers one description, and fails at whatever else."""

    def __init__(self, **described: object) -> None:
        self._described = {"jobId": "1", "jobName": "photos", "status": "FAILED", **described}

    def describe_jobs(self, **_request: Any) -> dict[str, Any]:
        return {"jobs": [self._described]}

    def list_jobs(self, **_request: Any) -> dict[str, Any]:
        return {"jobSummaryList": [{"jobId": "1:2"}, {"jobId": "1:1"}]}


def test_a_description_of_aws_batch_is_understood():
    batch: Any = DescribingBatch(
        statusReason="Essential container in task exited",
        dependsOn=[{"jobId": "0"}],
        arrayProperties={"size": 3, "statusSummary": {"FAILED": 1, "SUCCEEDED": 2, "RUNNING": 0}},
        container={
            "exitCode": 137,
            "reason": "OutOfMemoryError: Container killed due to memory usage",
            "logStreamName": "gpu/default/1",
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/photos"}},
        },
    )

    (job,) = BatchJobs(batch, logs=None).describe(["1"])  # type: ignore[arg-type]

    assert job == Job(
        job_id="1",
        name="photos",
        status="FAILED",
        reason="OutOfMemoryError: Container killed due to memory usage; "
        "Essential container in task exited",
        exit_code=137,
        parts={"FAILED": 1, "SUCCEEDED": 2},
        waits_for=("0",),
        log_group="/photos",
        log_stream="gpu/default/1",
    )


@pytest.mark.usefixtures("aws")
def test_the_last_lines_of_a_log_are_read():
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName="/photos")
    logs.create_log_stream(logGroupName="/photos", logStreamName="gpu/1")
    start_ms = time.time_ns() // 1_000_000 - 60_000
    events = [
        {"timestamp": start_ms + number, "message": f"line {number}\n"} for number in range(30)
    ]
    logs.put_log_events(logGroupName="/photos", logStreamName="gpu/1", logEvents=events)
    job = Job("1", "photos", "FAILED", log_group="/photos", log_stream="gpu/1")

    lines = BatchJobs(batch=None, logs=logs).last_lines(job, 3)  # type: ignore[arg-type]
    assert lines == ["line 27", "line 28", "line 29"]


def test_no_credentials_at_all_is_an_error_of_ours_and_no_traceback(capsys):
    def connect() -> Clients:
        class Nobody:
            def describe_stacks(self, **_: str) -> NoReturn:
                raise NoCredentialsError

        return Clients(Nobody(), s3=None, jobs=None)  # type: ignore[arg-type]

    assert main([], connect=connect) == WRONG_INPUT

    assert "Traceback" not in capsys.readouterr().err
