"""The Lambda's handler: calls over HTTP and direct ones in, answers out.

A call through API Gateway (payload format 2.0) is answered with a response; a direct one, such as
``{"input_type": "text", "query": "cat"}``, with the JSON alone. Safe in threads, because the
laptop's server calls it too. Importing it does nothing; ``lambda_entry`` is what warms up.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import Any, Protocol

from aws_lambda_powertools.event_handler.api_gateway import Response
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

from http_api.answer import Json, health_answer, photo_answer, search_answer
from http_api.once import once
from http_api.picture_urls import Pictures, pictures_of
from http_api.problem import (
    PROBLEM_CONTENT_TYPE,
    HttpRefusal,
    Problem,
    mendable_problem,
    refusal_problem,
)
from http_api.request_parsing import request_from_event
from http_api.routes import Routes, answer_http
from photo_search import errors
from photo_search.index import import_engine, is_embedded, is_published
from photo_search.search import PhotoSearch, open_encoder, open_photo_search
from photo_search.search_request import SearchRequest
from photo_search.settings import Settings, may_connect_at_start, read_settings

# Powertools' name for the root logger; being the core's package, the core's own lines join it.
SERVICE = "photo_search"
METRICS_NAMESPACE = "PhotoSearch"

STATUSES: dict[type[errors.PhotoSearchError], HTTPStatus] = {
    errors.SettingsError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidQuery: HTTPStatus.BAD_REQUEST,
    errors.ImageUrlRefused: HTTPStatus.BAD_REQUEST,
    errors.PhotoNotFound: HTTPStatus.NOT_FOUND,
    errors.ImageTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedImage: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.ImageDownloadFailed: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ModelError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.IndexNotFound: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.FingerprintMismatch: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.IndexAccessDenied: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.BulkRejected: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.IndexReadOnly: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.IndexCorrupt: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.IndexUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    # The ingest job's own; no request can meet them.
    errors.SourceInvalid: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.DiskFull: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.TooManyFailures: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The status of every leaf of the error tree; nothing else in the project knows one."""


class LambdaContext(Protocol):
    """What is read of the context that Lambda passes along with an event."""

    @property
    def aws_request_id(self) -> str:
        """Identity of this call, in every log line and problem."""

    @property
    def function_name(self) -> str:
        """Dimension of the cold start metric."""


Handler = Callable[[Any, LambdaContext], Json]


def make_handler(
    open_search: Callable[[], PhotoSearch],
    *,
    read: Callable[[], Settings],
    report: bool = True,
) -> Handler:
    """Make a handler.

    Args:
        open_search: Gives the ready search; called for each request.
        read: Gives the settings; called for each request.
        report: Whether each call prints a log line and its metrics (EMF) for CloudWatch; failures
            are logged in any case.
    """
    pictures = once(lambda: pictures_of(read()))

    def handle(event: Any, context: LambdaContext) -> Json:
        metrics = AmazonCloudWatchEMFProvider(namespace=METRICS_NAMESPACE, service=SERVICE)
        call = _Call(open_search, pictures, metrics, context)
        if not report:
            return call.answer(event, context, read)

        def answer_and_report(event: Any, context: LambdaContext) -> Json:
            start_s = time.perf_counter()
            answer = call.answer(event, context, read)
            call.report(total_ms=(time.perf_counter() - start_s) * 1000)
            return answer

        reporting: Handler = metrics.log_metrics(answer_and_report, capture_cold_start_metric=True)
        return reporting(event, context)

    return handle


class _Call:
    """One invocation: joins the routes to the search; counts, logs and words what went wrong."""

    def __init__(
        self,
        open_search: Callable[[], PhotoSearch],
        pictures: Callable[[], Pictures],
        metrics: AmazonCloudWatchEMFProvider,
        context: LambdaContext,
    ) -> None:
        self._open_search = open_search
        self._pictures = pictures
        self._metrics = metrics
        self._logger = _logger()
        self._logger.thread_safe_append_keys(request_id=context.aws_request_id)
        self._request_id = context.aws_request_id
        self._status = HTTPStatus.OK

    def answer(self, event: Any, context: LambdaContext, read: Callable[[], Settings]) -> Json:
        if isinstance(event, dict) and "requestContext" in event:
            return self._answer_http(event, context, read)
        return self._answer_direct(event)

    def report(self, *, total_ms: float) -> None:
        # What was searched for is the caller's own affair: no line or metric holds it.
        facts = {"status": int(self._status), "total_ms": round(total_ms, 2)}
        self._logger.info("answered", extra=facts)
        client, server = HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR
        for name, count in (
            ("Requests", 1),
            ("ClientErrors", client <= self._status < server),
            ("ServerErrors", self._status >= server),
        ):
            self._metrics.add_metric(name, MetricUnit.Count, int(count))
        self._metrics.add_metric("TotalTime", MetricUnit.Milliseconds, total_ms)

    def _answer_http(
        self, event: dict[str, Any], context: LambdaContext, read: Callable[[], Settings]
    ) -> Json:
        routes = Routes(
            search=self._search,
            photo=self._photo,
            health=self._health,
            openapi=_openapi,
            problem=self._problem_response,
        )
        try:
            cors_allow_origin = read().cors_allow_origin
            response = answer_http(event, context, routes, cors_allow_origin=cors_allow_origin)
        except Exception as error:  # noqa: BLE001 - no caller may see what went wrong inside
            problem = self._problem_response(error)
            response = {
                "statusCode": problem.status_code,
                "headers": problem.headers,
                "body": problem.body,
                "isBase64Encoded": False,
            }
        response["headers"] |= {
            "X-Request-Id": self._request_id,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        return response

    def _answer_direct(self, event: object) -> Json:
        try:
            return self._search(request_from_event(event))
        except Exception as error:  # noqa: BLE001 - no caller may see what went wrong inside
            return self._problem(error).to_document(self._request_id)

    def _search(self, request: SearchRequest) -> Json:
        search = self._open_search()
        result = search.search(request)
        for name, value_ms in (
            ("EncodeTime", result.took_ms.encode),
            ("SearchTime", result.took_ms.search),
        ):
            self._metrics.add_metric(name, MetricUnit.Milliseconds, value_ms)
        return search_answer(result, search.encoder.bundle, self._pictures())

    def _photo(self, photo_id: str) -> Json:
        return photo_answer(self._open_search().photo(photo_id), self._pictures())

    def _health(self) -> Json:
        search = self._open_search()
        return health_answer(search.encoder.bundle, photos=search.index.count())

    def _problem_response(self, error: Exception) -> Response[str]:
        problem = self._problem(error)
        return Response(
            problem.status,
            content_type=PROBLEM_CONTENT_TYPE,
            body=json.dumps(problem.to_document(self._request_id)),
            headers=problem.headers,
        )

    def _problem(self, error: Exception) -> Problem:
        problem = _describe(error)
        self._status = problem.status
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._logger.error("the request failed", exc_info=error)
        return problem


def _describe(error: Exception) -> Problem:
    if isinstance(error, HttpRefusal):
        return refusal_problem(error)
    status = next(
        (status for kind, status in STATUSES.items() if isinstance(error, kind)),
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return mendable_problem(error, status)
    if isinstance(error, errors.IndexUnavailable):
        return Problem(
            status,
            status.phrase,
            detail="the photo index does not answer; try again later",
            headers={"Retry-After": str(error.retry_after_s)},
        )
    return Problem(status, status.phrase, detail="the request failed; the log has its request_id")


def _openapi() -> Json:
    from http_api.openapi import openapi_document

    return openapi_document()


@cache
def _logger() -> Logger:
    return Logger(service=SERVICE)


_settings = once(read_settings)
_encoder = once(lambda: open_encoder(_settings()))
_photo_search = once(lambda: open_photo_search(_settings(), encoder=_encoder()))

handler = make_handler(_photo_search, read=_settings)
"""What Lambda calls; settings, model and index are read by the first call."""


def warm_up() -> None:
    """Load the towers that ``PRELOAD`` names, and the index; Lambda's init is the time for it.

    An index on a server is not connected to: a snapshot of the process must hold no socket and no
    credentials. A published one is fetched where no snapshot is to come, for the same reason. A
    failure is logged and left to the calls, each of which answers with a problem.
    """
    try:
        _encoder().warm_up(_settings().preload)
        url = _settings().index_url
        if is_embedded(url) or (is_published(url) and may_connect_at_start()):
            _photo_search()
        else:
            import_engine(url)
    except errors.PhotoSearchError:
        _logger().exception("the warm-up failed")
