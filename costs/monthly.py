"""The bill of a month: requests, the Lambda, pictures shown, storage, watching, the domain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from costs.assumptions import Assumption
from costs.bill import Bill, Use
from costs.domain import MANAGER, Domain
from costs.embedded import fetch_seconds

QUERIES = (0, 10_000, 1_000_000)
"""Queries a month that the tables show."""


@dataclass(frozen=True, slots=True)
class Month:
    """What a month has to serve.

    Attributes:
        photos: In the collection, all of one's own.
        queries: In the month, by text.
        domain: The nodes; None for the embedded index.
    """

    photos: int
    queries: int
    domain: Domain | None


def monthly_bill(month: Month, assumptions: Mapping[str, Assumption]) -> Bill:
    """Count everything that a month uses.

    The API's protection is not in it (``key``: one secret; ``jwt``: users), nor are the originals.
    """
    values = {name: assumption.value for name, assumption in assumptions.items()}
    uses = (
        *_queries(month, values),
        *_function(month, assumptions),
        *_storage(month, values),
        *_watching(month, values),
        *_new_photos(month, values),
        *_domain(month, values),
    )
    return Bill(tuple(use for use in uses if use.units > 0))


def _queries(month: Month, values: Mapping[str, float]) -> Iterator[Use]:
    pictures = month.queries * values["thumbnails_per_query"]
    requests = month.queries * values["cloudfront_requests_per_query"]
    yield Use("HTTP API", "http_api_requests", month.queries)
    yield Use("CloudFront", "cloudfront_requests", requests)
    yield Use(
        "answers through CloudFront", "cloudfront_gb", month.queries * values["answer_bytes"] / 1e9
    )
    yield Use("thumbnails asked for", "s3_gets", pictures)
    yield Use(
        "thumbnails sent from S3", "transfer_out_gb", pictures * values["thumbnail_bytes"] / 1e9
    )
    yield Use("logs", "cloudwatch_log_gb", month.queries * values["log_bytes_per_query"] / 1e9)
    yield Use("traces", "xray_traces", month.queries)


def _function(month: Month, assumptions: Mapping[str, Assumption]) -> Iterator[Use]:
    values = {name: assumption.value for name, assumption in assumptions.items()}
    memory_gb = values["lambda_memory_mb"] / 1024
    cold = month.queries * _cold_share(month.queries, values)
    init_s = values["init_seconds"]
    warm_ms = values["warm_ms_domain"]
    if month.domain is None:
        init_s += fetch_seconds(month.photos, assumptions)
        warm_ms = values["warm_ms_embedded"]
        yield Use("index fetched at cold starts", "s3_gets", cold)
    yield Use("Lambda, calls", "lambda_requests", month.queries)
    yield Use("Lambda, answering", "lambda_gb_seconds", month.queries * warm_ms / 1000 * memory_gb)
    yield Use("Lambda, cold starts", "lambda_gb_seconds", cold * init_s * memory_gb)


def _cold_share(queries: int, values: Mapping[str, float]) -> float:
    busy = queries >= max(QUERIES)
    return values["cold_share_1m"] if busy else values["cold_share_10k"]


def _storage(month: Month, values: Mapping[str, float]) -> Iterator[Use]:
    bytes_per_photo = values["shard_bytes_per_photo"] + values["thumbnail_bytes"]
    if month.domain is None:
        bytes_per_photo += values["embedded_bytes_per_photo"]
    yield Use(
        "thumbnails, shards, index file", "s3_gb_months", month.photos * bytes_per_photo / 1e9
    )
    yield Use("images in the registry", "ecr_gb_months", values["images_gb"])


def _watching(month: Month, values: Mapping[str, float]) -> Iterator[Use]:
    alarms = values["alarms_embedded"] if month.domain is None else values["alarms_domain"]
    yield Use("alarms", "cloudwatch_alarms", alarms)
    yield Use("dashboard", "cloudwatch_dashboards", 1)
    # A metric is charged for by the hour in which it is told something.
    if month.queries:
        yield Use("the function's metrics", "cloudwatch_metrics", values["metrics"])


def _new_photos(month: Month, values: Mapping[str, float]) -> Iterator[Use]:
    yield Use("queue of new photos, waiting", "sqs_fifo_requests", values["queue_polls"])
    if month.queries:
        seconds = values[
            "writer_seconds_embedded" if month.domain is None else "writer_seconds_domain"
        ]
        memory_gb = values["writer_memory_mb"] / 1024
        gb_seconds = values["new_photos"] * seconds * memory_gb
        yield Use("Lambda, new photos", "lambda_gb_seconds", gb_seconds)


def _domain(month: Month, values: Mapping[str, float]) -> Iterator[Use]:
    if month.domain is None:
        return
    size, hours = month.domain.size, values["hours_per_month"]
    yield Use("data nodes", month.domain.node.name, size.nodes * hours)
    yield Use("manager nodes", MANAGER, size.managers * hours)
    yield Use("disks", "opensearch_gp3_gb_months", size.nodes * month.domain.volume_gb)
