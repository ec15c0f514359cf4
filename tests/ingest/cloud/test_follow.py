from __future__ import annotations

import pytest

from ingest.cloud.batch_jobs import Job
from ingest.cloud.follow import POLL_S, exit_code_of, follow
from ingest.exit_codes import DONE, OUR_ERROR, RETRY, SOME_SKIPPED, WRONG_INPUT
from photo_search.errors import IndexUnavailable, SettingsError
from tests.ingest.cloud.fake_jobs import FakeJobs

RECLAIMED = "Host EC2 (instance i-0a1b) terminated."
SILENCE = IndexUnavailable("AWS does not answer")


def embed(status: str, **parts: int) -> Job:
    return Job("e-1", "photos-embed", status, parts=parts)


def fill(status: str, **facts: object) -> Job:
    return Job("f-1", "photos-fill", status, waits_for=("e-1",), **facts)  # type: ignore[arg-type]


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.waited_s: list[float] = []

    def follow(self, jobs: FakeJobs) -> int:
        return follow(jobs, "f-1", say=self.lines.append, sleep=self.waited_s.append)


@pytest.fixture
def told() -> Told:
    return Told()


def test_states_and_counts_are_told_when_they_change(told):
    jobs = FakeJobs(
        (embed("PENDING", RUNNABLE=4), fill("PENDING")),
        (embed("PENDING", RUNNABLE=4), fill("PENDING")),
        (embed("PENDING", RUNNING=3, SUCCEEDED=1), fill("PENDING")),
        (embed("SUCCEEDED", SUCCEEDED=4), fill("RUNNING")),
        (embed("SUCCEEDED", SUCCEEDED=4), fill("SUCCEEDED")),
    )

    assert told.follow(jobs) == DONE

    assert told.lines == [
        "photos-embed 4 RUNNABLE of 4 parts; photos-fill PENDING",
        "photos-embed 3 RUNNING, 1 SUCCEEDED of 4 parts; photos-fill PENDING",
        "photos-embed 4 SUCCEEDED of 4 parts; photos-fill RUNNING",
        "photos-embed 4 SUCCEEDED of 4 parts; photos-fill SUCCEEDED",
    ]
    assert told.waited_s == [POLL_S] * 4


def test_why_a_job_waits_is_told(told):
    waits = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    alone = Job("f-1", "photos-fill", "RUNNABLE", reason=waits)

    told.follow(FakeJobs((alone,), (Job("f-1", "photos-fill", "SUCCEEDED"),)))

    assert told.lines[0] == f"photos-fill RUNNABLE ({waits})"


def test_what_the_last_job_wrote_at_its_end_is_shown(told):
    done = fill("SUCCEEDED", log_group="/photos", log_stream="gpu/1")

    assert told.follow(FakeJobs((embed("SUCCEEDED"), done), log=["5 photos indexed"])) == DONE

    assert told.lines[1:] == ["the end of log /photos, stream gpu/1:", "  5 photos indexed"]


def test_a_part_that_failed_is_told_with_its_reason_and_its_log_and_not_the_job_behind_it(told):
    broken = Job("e-1:3", "photos-embed", "FAILED", reason="Essential container", exit_code=70)
    jobs = FakeJobs(
        (embed("FAILED", SUCCEEDED=3, FAILED=1), fill("FAILED", reason="Dependent Job failed")),
        failed_part=broken,
        log=["Traceback", "ValueError: x"],
    )

    assert told.follow(jobs) == OUR_ERROR

    text = "\n".join(told.lines)
    assert "photos-embed failed: job e-1:3, exit code 70: Essential container" in text
    assert "  ValueError: x" in text
    assert "photos-fill failed" not in text


def test_photos_that_the_last_job_skipped_make_exit_code_1(told):
    jobs = FakeJobs((embed("SUCCEEDED"), fill("FAILED", exit_code=SOME_SKIPPED)))

    assert told.follow(jobs) == SOME_SKIPPED

    assert "done; some photos were skipped:" in told.lines


def test_a_reclaimed_host_is_worth_retrying_and_told_so(told):
    jobs = FakeJobs(
        (embed("FAILED", FAILED=2), fill("FAILED")),
        failed_part=Job("e-1:0", "photos-embed", "FAILED", reason=RECLAIMED),
    )

    assert told.follow(jobs) == RETRY

    assert "goes on after the last shard" in told.lines[-1]


def test_a_log_that_cannot_be_read_hides_no_failure(told):
    class WithoutLog(FakeJobs):
        def last_lines(self, job: Job, count: int) -> list[str]:
            msg = "not allowed"
            raise SettingsError(msg)

    jobs = WithoutLog((embed("SUCCEEDED"), fill("FAILED", exit_code=75)))

    assert told.follow(jobs) == RETRY

    assert "its log cannot be read: not allowed" in told.lines


def test_a_short_silence_of_aws_is_waited_out(told):
    jobs = FakeJobs(SILENCE, SILENCE, (embed("SUCCEEDED"), fill("SUCCEEDED")))

    assert told.follow(jobs) == DONE

    assert told.waited_s == [POLL_S, POLL_S]
    assert told.lines[0] == "AWS does not answer; asking again for some minutes"
    assert sum("asking again" in line for line in told.lines) == 1


def test_minutes_of_silence_end_the_following(told):
    with pytest.raises(IndexUnavailable):
        told.follow(FakeJobs(SILENCE))

    assert 60 < sum(told.waited_s) < 3600


@pytest.mark.parametrize(
    ("exit_code", "reason", "is_last", "expected"),
    [
        (1, "", True, SOME_SKIPPED),
        # A part's 1 would leave the index unfilled: that is not "done".
        (1, "", False, OUR_ERROR),
        (2, "", True, WRONG_INPUT),
        (70, "", False, OUR_ERROR),
        (75, "", False, RETRY),
        (137, "OutOfMemoryError: Container killed due to memory usage", True, OUR_ERROR),
        (None, RECLAIMED, False, RETRY),
        (None, "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", True, RETRY),
        (None, "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", True, WRONG_INPUT),
        (None, "CannotPullContainerError: not found", True, WRONG_INPUT),
    ],
)
def test_every_end_has_its_exit_code(exit_code, reason, is_last, expected):
    job = Job("1", "photos", "FAILED", reason=reason, exit_code=exit_code)

    assert exit_code_of(job, is_last=is_last) == expected
