"""Following an ingest on AWS Batch: states, counts, and why it failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ingest.cloud.batch_jobs import FAILED, SUCCEEDED, Job
from ingest.exit_codes import DONE, OUR_ERROR, RETRY, SOME_SKIPPED, WRONG_INPUT
from photo_search.errors import IndexUnavailable, PhotoSearchError

POLL_S = 10.0
_LOG_LINES = 20
_MOST_SILENT_POLLS = 30  # five minutes without an answer
_STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", SUCCEEDED, FAILED)
# AWS Batch's own words for a host that was taken away, and for a place that has no room.
_WORTH_RETRYING = ("Host EC2", "CAPACITY:", "INSUFFICIENT_INSTANCE_CAPACITY")
_TOLD_CODES = frozenset({WRONG_INPUT, OUR_ERROR, RETRY})


class Jobs(Protocol):
    """Tells of jobs; BatchJobs, or a test's."""

    def describe(self, job_ids: Sequence[str]) -> list[Job]:
        """Describe jobs, in the order of their ids."""

    def failed_part(self, array_job_id: str) -> Job | None:
        """One failed child of an array job."""

    def last_lines(self, job: Job, count: int) -> list[str]:
        """The end of a job's log."""


def follow(
    jobs: Jobs,
    job_id: str,
    *,
    say: Callable[[str], object],
    sleep: Callable[[float], object],
) -> int:
    """Tell how an ingest gets on until it has ended.

    Args:
        jobs: Tells of jobs.
        job_id: The last job: the one that fills the index.
        say: Prints a line.
        sleep: Waits between looks, in seconds.

    Returns:
        The exit code of the whole.

    Raises:
        SettingsError: AWS refuses to tell, or knows no such job.
        IndexUnavailable: AWS did not answer for minutes, or the credentials have expired.
    """
    told = ""
    silent_polls = 0
    while True:
        try:
            chain = _chain(jobs, job_id)
            silent_polls = 0
        except IndexUnavailable as error:
            if not silent_polls:
                # Credentials that have expired can be renewed meanwhile, by whoever reads this.
                say(f"{error}; asking again for some minutes")
            silent_polls += 1
            if silent_polls >= _MOST_SILENT_POLLS:
                raise
            sleep(POLL_S)
            continue
        line = "; ".join(_state(job) for job in chain)
        if line != told:
            say(line)
            told = line
        if failed := [job for job in chain if job.status == FAILED]:
            # Those that wait for a job that failed fail too, and tell nothing of the cause.
            return _tell_failure(jobs, failed[0], is_last=failed[0] is chain[-1], say=say)
        if chain[-1].status == SUCCEEDED:
            _tell_log(jobs, chain[-1], say)
            return DONE
        sleep(POLL_S)


def exit_code_of(job: Job, *, is_last: bool) -> int:
    """What a failed job's end means for who started it.

    Args:
        job: The job, or the part of it that failed.
        is_last: Whether it is the one that fills the index: only then is all done but some photos.
    """
    code = job.exit_code
    if code is not None and (code in _TOLD_CODES or (code == SOME_SKIPPED and is_last)):
        return code
    if any(words in job.reason for words in _WORTH_RETRYING):
        return RETRY
    # A container that never ran was refused by the settings: no such image, no such instance.
    return WRONG_INPUT if code is None else OUR_ERROR


def _chain(jobs: Jobs, job_id: str) -> list[Job]:
    """The job and those that it waits for, the first to run first."""
    (last,) = jobs.describe([job_id])
    return [*jobs.describe(last.waits_for), last] if last.waits_for else [last]


def _state(job: Job) -> str:
    if not job.parts:
        # Why a job waits is the first thing one wants to know of a new account.
        return f"{job.name} {job.status}" + (f" ({job.reason})" if job.reason else "")
    counts = ", ".join(f"{job.parts[state]} {state}" for state in _STATES if state in job.parts)
    return f"{job.name} {counts} of {sum(job.parts.values())} parts"


def _tell_failure(jobs: Jobs, job: Job, *, is_last: bool, say: Callable[[str], object]) -> int:
    failed = (jobs.failed_part(job.job_id) if job.parts else None) or job
    code = exit_code_of(failed, is_last=is_last)
    if code == SOME_SKIPPED:
        say("done; some photos were skipped:")
    else:
        ended = "" if failed.exit_code is None else f", exit code {failed.exit_code}"
        say(f"{job.name} failed: job {failed.job_id}{ended}: {failed.reason or 'no reason given'}")
    _tell_log(jobs, failed, say)
    if code == RETRY:
        say("run the same command again: it goes on after the last shard that was written")
    return code


def _tell_log(jobs: Jobs, job: Job, say: Callable[[str], object]) -> None:
    try:
        lines = jobs.last_lines(job, _LOG_LINES)
    except PhotoSearchError as error:
        # How the job ended counts for more than what it wrote.
        say(f"its log cannot be read: {error}")
        return
    if lines:
        say(f"the end of log {job.log_group}, stream {job.log_stream}:")
    for line in lines:
        say(f"  {line}")
