"""AWS Batch as a script: each look at the jobs shows the next moment, the last one stays."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.cloud.batch_jobs import Job
from photo_search.errors import PhotoSearchError

Moment = tuple[Job, ...] | PhotoSearchError


class FakeJobs:
    def __init__(
        self, *moments: Moment, failed_part: Job | None = None, log: Sequence[str] = ()
    ) -> None:
        self._moments = list(moments)
        self._now: tuple[Job, ...] = ()
        self._failed_part = failed_part
        self._log = list(log)

    def describe(self, job_ids: Sequence[str]) -> list[Job]:
        # A look begins with the last job alone; those that it waits for belong to the same moment.
        if not self._now or job_ids == [self._now[-1].job_id]:
            moment = self._moments.pop(0) if len(self._moments) > 1 else self._moments[0]
            if isinstance(moment, PhotoSearchError):
                raise moment
            self._now = moment
        return [job for job in self._now if job.job_id in job_ids]

    def failed_part(self, array_job_id: str) -> Job | None:
        return self._failed_part

    def last_lines(self, job: Job, count: int) -> list[str]:
        return self._log[-count:]
