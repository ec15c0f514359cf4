"""What is watched of each part, from where on it is too much, and what that means."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets

from infra.alarms import Alarms
from infra.config import DeploymentConfig
from infra.ingest_job import IngestJob
from infra.new_photos import NewPhotos
from infra.photo_index import PhotoIndex
from infra.search_api import SearchApi
from infra.search_function import SearchFunction

_MINUTE = cdk.Duration.minutes(1)
_FIVE_MINUTES = cdk.Duration.minutes(5)
_SLOW_MS = 3_000  # a picture of 4 MB takes about a second; what a person waits for
_LEAST_FREE = 0.25  # of the volume: AWS's "recommended CloudWatch alarms"
_MOST_JVM_PERCENT = 95  # the same page
_OLD_MESSAGE_S = 1_800
_MB_PER_GB = 1_024

# handler.py and powertools give these names.
METRICS_NAMESPACE, METRICS_SERVICE = "PhotoSearch", "photo_search"


def watch_search(
    alarms: Alarms, search: SearchFunction, api: SearchApi, config: DeploymentConfig
) -> None:
    """Watch the Lambda and its API."""
    function = search.function
    alarms.watch(
        "errors",
        api.http_api.metric_server_error(period=_FIVE_MINUTES, statistic="Sum"),
        5,
        "Searches fail (5xx): the log of the search function says why.",
    )
    alarms.watch(
        "crashes",
        function.metric_errors(period=_FIVE_MINUTES, statistic="Sum"),
        1,
        "The search function ended without an answer: time-out, memory or a fault at start.",
    )
    alarms.watch(
        "throttles",
        function.metric_throttles(period=_FIVE_MINUTES, statistic="Sum"),
        1,
        "More searches at once than reserved_concurrency allows; callers got a 503.",
    )
    alarms.watch(
        "latency-p95",
        api.http_api.metric_latency(period=_FIVE_MINUTES, statistic="p95"),
        _SLOW_MS,
        "One in twenty searches takes more than three seconds.",
        periods=3,
    )
    alarms.watch(
        "cold-starts",
        cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name="ColdStart",
            dimensions_map={"function_name": function.function_name, "service": METRICS_SERVICE},
            period=_FIVE_MINUTES,
            statistic="Sum",
        ),
        2 * config.search.reserved_concurrency,
        "The function starts again and again: it crashes, or is called in bursts.",
        periods=3,
    )
    alarms.show(
        "where a search's time goes (p95)",
        [
            cloudwatch.Metric(
                namespace=METRICS_NAMESPACE,
                metric_name=name,
                dimensions_map={"service": METRICS_SERVICE},
                period=_FIVE_MINUTES,
                statistic="p95",
            )
            for name in ("EncodeTime", "SearchTime", "TotalTime")
        ],
    )


def watch_domain(alarms: Alarms, index: PhotoIndex, config: DeploymentConfig) -> None:
    """Watch the OpenSearch domain; thresholds of AWS's "recommended CloudWatch alarms"."""
    domain = index.domain
    alarms.watch(
        "domain-red",
        domain.metric_cluster_status_red(period=_MINUTE, statistic="Maximum"),
        1,
        "Part of the index is lost to searches: restore, or load it anew from the shards.",
    )
    alarms.watch(
        "domain-yellow",
        domain.metric_cluster_status_yellow(period=_MINUTE, statistic="Maximum"),
        1,
        "A copy of the index is missing; searches go on.",
        periods=15,
    )
    alarms.watch(
        "domain-free-storage",
        domain.metric_free_storage_space(period=_FIVE_MINUTES, statistic="Minimum"),
        config.domain.volume_gb * _MB_PER_GB * _LEAST_FREE,
        "Less than a quarter of a node's disk is free; writes stop when it is full.",
        below=True,
    )
    alarms.watch(
        "domain-writes-blocked",
        domain.metric_cluster_index_writes_blocked(period=_FIVE_MINUTES, statistic="Maximum"),
        1,
        "The domain takes no writes: its disk or memory is full.",
    )
    alarms.watch(
        "domain-memory",
        domain.metric_jvm_memory_pressure(period=_FIVE_MINUTES, statistic="Maximum"),
        _MOST_JVM_PERCENT,
        "A node's heap is full (percent); larger nodes are needed.",
        periods=3,
    )
    alarms.watch(
        "domain-knn-circuit-breaker",
        domain.metric("KNNCircuitBreakerTriggered", period=_MINUTE, statistic="Maximum"),
        1,
        "The graphs do not fit into memory and are read from disk again: searches are slow.",
    )


def watch_ingest(alarms: Alarms, job: IngestJob, new_photos: NewPhotos) -> None:
    """Watch the job and the writer of new photos."""
    alarms.watch(
        "ingest-failures",
        _failed_jobs(alarms, job),
        1,
        "A job of the ingest failed for good; make ingest-aws shows its log, and a repeat goes on.",
    )
    alarms.watch(
        "new-photos-age",
        new_photos.queue.metric_approximate_age_of_oldest_message(
            period=_FIVE_MINUTES, statistic="Maximum"
        ),
        _OLD_MESSAGE_S,
        "A new photo has waited for half an hour (seconds): the writer fails or cannot keep up.",
    )
    alarms.watch(
        "new-photos-dead-letters",
        new_photos.dead_letters.metric_approximate_number_of_messages_visible(
            period=_FIVE_MINUTES, statistic="Maximum"
        ),
        1,
        "The writer gave up on a photo; redrive the queue when its log has told the cause.",
    )


def _failed_jobs(alarms: Alarms, job: IngestJob) -> cloudwatch.Metric:
    """Batch has no metric of its own: a rule tells of each failure, and is counted."""
    queues = [queue for queue in (job.gpu_queue, job.cpu_queue) if queue is not None]
    rule = events.Rule(
        alarms,
        "FailedJobs",
        description="Jobs of the ingest that failed",
        event_pattern=events.EventPattern(
            source=["aws.batch"],
            detail_type=["Batch Job State Change"],
            detail={"status": ["FAILED"], "jobQueue": [queue.job_queue_arn for queue in queues]},
        ),
        targets=[
            targets.SnsTopic(
                alarms.topic,
                message=events.RuleTargetInput.from_text(
                    f"Job {events.EventField.from_path('$.detail.jobName')} failed: "
                    f"{events.EventField.from_path('$.detail.statusReason')}"
                ),
            )
        ],
    )
    return cloudwatch.Metric(
        namespace="AWS/Events",
        metric_name="TriggeredRules",
        dimensions_map={"RuleName": rule.rule_name},
        period=_FIVE_MINUTES,
        statistic="Sum",
    )
