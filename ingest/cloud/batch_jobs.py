"""Jobs on AWS Batch: submitted, described, their logs read. The one place that calls AWS Batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ingest.cloud.deployment import JobPlace, aws_errors
from photo_search.errors import SettingsError

FAILED, SUCCEEDED = "FAILED", "SUCCEEDED"

_LEAST_ARRAY = 2  # AWS Batch has no array of one


class BatchClient(Protocol):
    """What is used of boto3's Batch client."""

    def describe_job_definitions(self, **request: Any) -> dict[str, Any]:
        """Describe job definitions."""

    def submit_job(self, **request: Any) -> dict[str, Any]:
        """Submit one job."""

    def describe_jobs(self, **request: Any) -> dict[str, Any]:
        """Describe jobs by id."""

    def list_jobs(self, **request: Any) -> dict[str, Any]:
        """List the children of an array job."""


class LogsClient(Protocol):
    """What is used of boto3's CloudWatch Logs client."""

    def get_log_events(self, **request: Any) -> dict[str, Any]:
        """Read one log stream."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as AWS Batch describes it.

    Attributes:
        job_id: Its id.
        name: Its name.
        status: AWS Batch's word, such as ``RUNNABLE``.
        reason: Why it waits or failed; empty where nothing is said.
        exit_code: Of its last container; None where none has ended.
        parts: How many children of an array job are in which state; empty for any other.
        waits_for: Ids of the jobs that it depends on.
        log_group: Where its log is.
        log_stream: Its own part of that; empty until a container has started.
    """

    job_id: str
    name: str
    status: str
    reason: str = ""
    exit_code: int | None = None
    parts: Mapping[str, int] = field(default_factory=dict)
    waits_for: tuple[str, ...] = ()
    log_group: str = ""
    log_stream: str = ""


class BatchJobs:
    """The jobs of one account and region."""

    def __init__(self, batch: BatchClient, logs: LogsClient) -> None:
        """Use two clients of boto3; nothing is sent."""
        self._batch = batch
        self._logs = logs

    def submit(
        self,
        place: JobPlace,
        name: str,
        *,
        more_arguments: Sequence[str] = (),
        parts: int = 1,
        after: str | None = None,
    ) -> str:
        """Submit a job.

        Args:
            place: Where it goes.
            name: What it is called in the console.
            more_arguments: What its definition's command is continued with.
            parts: Children of an array job; 1 makes a plain job.
            after: Id of a job that has to succeed first.

        Returns:
            Its id.

        Raises:
            SettingsError: AWS refuses.
            IndexUnavailable: AWS does not answer.
        """
        request: dict[str, Any] = {
            "jobName": name,
            "jobQueue": place.queue,
            "jobDefinition": place.definition,
        }
        if more_arguments:
            command = [*self._command(place.definition), *more_arguments]
            request["containerOverrides"] = {"command": command}
        if parts >= _LEAST_ARRAY:
            request["arrayProperties"] = {"size": parts}
        if after is not None:
            request["dependsOn"] = [{"jobId": after}]
        with aws_errors(f"submitting job {name}"):
            return str(self._batch.submit_job(**request)["jobId"])

    def describe(self, job_ids: Sequence[str]) -> list[Job]:
        """Describe jobs, in the order of their ids.

        Raises:
            SettingsError: AWS refuses, or knows one of them no longer or not at all.
            IndexUnavailable: AWS does not answer.
        """
        with aws_errors("describing the jobs"):
            answer = self._batch.describe_jobs(jobs=list(job_ids))
        found = {one["jobId"]: _job(one) for one in answer["jobs"]}
        for job_id in job_ids:
            if job_id not in found:
                msg = (
                    f"AWS Batch knows no job {job_id} in this account and region; it forgets one "
                    "a week after its end"
                )
                raise SettingsError(msg)
        return [found[job_id] for job_id in job_ids]

    def failed_part(self, array_job_id: str) -> Job | None:
        """One failed child of an array job; None where none has failed.

        Raises:
            SettingsError: AWS refuses.
            IndexUnavailable: AWS does not answer.
        """
        with aws_errors("listing the failed parts"):
            answer = self._batch.list_jobs(arrayJobId=array_job_id, jobStatus=FAILED)
        failed = sorted(str(one["jobId"]) for one in answer["jobSummaryList"])
        return self.describe(failed[:1])[0] if failed else None

    def last_lines(self, job: Job, count: int) -> list[str]:
        """The end of a job's log; empty where it has none.

        Raises:
            SettingsError: AWS refuses.
            IndexUnavailable: AWS does not answer.
        """
        if not job.log_stream:
            return []
        with aws_errors(f"reading log {job.log_group} {job.log_stream}"):
            answer = self._logs.get_log_events(
                logGroupName=job.log_group,
                logStreamName=job.log_stream,
                limit=count,
                startFromHead=False,
            )
        return [str(event["message"]).rstrip() for event in answer["events"]][-count:]

    def _command(self, definition: str) -> list[str]:
        with aws_errors(f"describing job definition {definition}"):
            answer = self._batch.describe_job_definitions(jobDefinitions=[definition])
        if not answer["jobDefinitions"]:
            msg = f"there is no job definition {definition}; deploy the stack again"
            raise SettingsError(msg)
        return list(answer["jobDefinitions"][0]["containerProperties"]["command"])


def _job(described: Mapping[str, Any]) -> Job:
    container = described.get("container") or {}
    log = container.get("logConfiguration", {}).get("options", {})
    # The container's reason is the nearer one: "OutOfMemoryError" beside "Essential container in
    # task exited".
    reasons = (container.get("reason"), described.get("statusReason"))
    counts = described.get("arrayProperties", {}).get("statusSummary", {})
    return Job(
        job_id=described["jobId"],
        name=described["jobName"],
        status=described["status"],
        reason="; ".join(reason for reason in reasons if reason),
        exit_code=container.get("exitCode"),
        parts={status: int(count) for status, count in counts.items() if count},
        waits_for=tuple(one["jobId"] for one in described.get("dependsOn", []) if "jobId" in one),
        log_group=log.get("awslogs-group", ""),
        log_stream=container.get("logStreamName", ""),
    )
