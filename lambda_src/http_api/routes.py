"""The routes: one event of API Gateway (payload format 2.0) in, one response out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import (
    APIGatewayHttpResolver,
    CORSConfig,
    Response,
)
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from http_api.answer import Json
from http_api.event_body import read_body
from http_api.fields import MAX_IMAGE_BYTES, MAX_NAME_CHARACTERS, check_image_size, echo
from http_api.problem import HttpRefusal
from http_api.request_parsing import request_from_form, request_from_json, request_from_query
from photo_search.errors import InvalidQuery, PhotoNotFound
from photo_search.search_request import SearchRequest

PHOTO_PATH = "/photos/"
ALLOWED_METHODS = {
    "/search": "GET, POST",
    "/healthz": "GET",
    "/openapi.json": "GET",
    PHOTO_PATH: "GET",
}
"""Methods of each path; the path of photos stands for every photo's."""
_EXPOSED_HEADERS = ("X-Request-Id", "Retry-After")
_CORS_MAX_AGE_S = 3600


@dataclass(frozen=True, slots=True)
class Routes:
    """What the routes lead to.

    Attributes:
        search: Answers a search.
        photo: Answers for one photo_id.
        health: Answers whether all is well.
        openapi: Gives the API's description.
        problem: Answers a failure.
    """

    search: Callable[[SearchRequest], Json]
    photo: Callable[[str], Json]
    health: Callable[[], Json]
    openapi: Callable[[], Json]
    problem: Callable[[Exception], Response[str]]


def answer_http(
    event: dict[str, Any], context: Any, routes: Routes, *, cors_allow_origin: str
) -> dict[str, Any]:
    """Route one event and give API Gateway's response to it.

    Args:
        event: Payload format 2.0.
        context: What Lambda passes.
        routes: What to call.
        cors_allow_origin: Origin that browsers may call from; empty allows none.
    """
    app = APIGatewayHttpResolver(cors=_cors(cors_allow_origin), debug=False)
    # Powertools keeps the event on the class, where another thread's call would replace it; an
    # attribute of this call's own resolver hides that one.
    app.current_event = request = APIGatewayProxyEventV2(event)

    @app.get("/search")
    def get_search() -> Json:
        return routes.search(request_from_query(request.raw_query_string))

    @app.post("/search")
    def post_search() -> Json:
        return routes.search(_posted_request(request))

    # API Gateway has decoded the path, so an id may hold any character.
    @app.get(rf"{PHOTO_PATH}[\s\S]+")
    def get_photo() -> Json:
        photo_id = request.path.removeprefix(PHOTO_PATH)
        if len(photo_id) > MAX_NAME_CHARACTERS:
            msg = f"no photo has the id {echo(photo_id)}"
            raise PhotoNotFound(msg)
        return routes.photo(photo_id)

    @app.get("/healthz")
    def get_health() -> Json:
        return routes.health()

    @app.get(r"/openapi\.json")
    def get_openapi() -> Json:
        return routes.openapi()

    @app.not_found
    def no_route(_error: NotFoundError) -> Response[str]:
        return routes.problem(_refuse(request))

    app.exception_handler(Exception)(routes.problem)
    return app.resolve(event, context)


def _cors(allow_origin: str) -> CORSConfig | None:
    if not allow_origin:
        return None
    return CORSConfig(allow_origin, expose_headers=list(_EXPOSED_HEADERS), max_age=_CORS_MAX_AGE_S)


def _posted_request(event: APIGatewayProxyEventV2) -> SearchRequest:
    content_type = event.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("image/"):
        if event.is_base64_encoded:
            check_image_size(len(event.body or "") // 4 * 3 - 2)
        image = read_body(event)
        return request_from_query(event.raw_query_string, image=image)
    if event.raw_query_string:
        msg = "the query string must be empty: the parameters of this request are in its body"
        raise InvalidQuery(msg)
    body = read_body(event)
    if media_type == "application/json":
        return request_from_json(body)
    if media_type == "multipart/form-data":
        return request_from_form(body, content_type)
    raise HttpRefusal(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"Content-Type is {echo(media_type)}; it may be application/json, multipart/form-data, or "
        f"image/* with a picture of at most {MAX_IMAGE_BYTES} bytes",
    )


def _refuse(event: APIGatewayProxyEventV2) -> HttpRefusal:
    """Tell a path that does not exist from a method that its path does not have."""
    path = PHOTO_PATH if event.path.startswith(PHOTO_PATH) else event.path
    if path not in ALLOWED_METHODS or event.path == PHOTO_PATH:
        return HttpRefusal(HTTPStatus.NOT_FOUND, f"there is nothing at {echo(event.path)}")
    return HttpRefusal(
        HTTPStatus.METHOD_NOT_ALLOWED,
        f"{echo(path)} answers {ALLOWED_METHODS[path]}, not {echo(event.http_method)}",
        Allow=ALLOWED_METHODS[path],
    )
