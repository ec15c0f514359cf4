"""One process for the laptop: the page, the API through the Lambda's handler, photo files."""

from __future__ import annotations

import ipaddress
import socket
import sys
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import ASGIApp

from handler import make_handler
from http_api.event_body import MAX_BODY_BYTES
from http_api.once import once
from http_api.problem import PROBLEM_CONTENT_TYPE, HttpRefusal, refusal_problem
from local.api_event import LocalContext, to_event, to_response
from local.photo_files import PhotoFile, PhotoFiles
from photo_search.errors import PhotoNotFound
from photo_search.search import PhotoSearch, open_photo_search
from photo_search.settings import Settings

WEB_DIR = Path(__file__).parent.parent / "web"
API_PATHS = ("/search", "/photos/{photo_id:path}", "/healthz", "/openapi.json")
_SECURITY_HEADERS = {
    # Unsplash's pictures are hotlinked; `data:` and `blob:` are the page's own previews.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' https: data: blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


def create_app(
    *,
    settings: Settings,
    photos_root: Path | None,
    thumbs_dir: Path,
    host: str = "127.0.0.1",
    open_search: Callable[[], PhotoSearch] | None = None,
) -> Starlette:
    """Make the server's ASGI application; model and index are opened by the first request.

    Args:
        settings: Model, index and limits.
        photos_root: Directory that own photos' paths are relative to; None serves no originals.
        thumbs_dir: Directory of the thumbnails that ingest wrote.
        host: A name, besides ``localhost`` and IP addresses, that browsers may call the server by.
        open_search: Gives the ready search; from the settings when left out.
    """
    opened = open_search or once(partial(open_photo_search, settings))
    handler = make_handler(opened, read=lambda: settings, report=False)
    files = PhotoFiles(
        lambda photo_id: opened().photo(photo_id), photos_root=photos_root, thumbs_dir=thumbs_dir
    )

    page = StaticFiles(directory=WEB_DIR, html=True)

    async def call_handler(request: Request) -> Response:
        request_id = str(uuid.uuid4())
        body = await _read_body(request)
        if body is None:
            refusal = HttpRefusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body's limit is {MAX_BODY_BYTES} bytes"
            )
            return _refuse(refusal, request_id)
        event = to_event(request, body, request_id=request_id)
        return to_response(await run_in_threadpool(handler, event, LocalContext(request_id)))

    async def send_file(request: Request, find: Callable[[str], PhotoFile | None]) -> Response:
        try:
            file = await run_in_threadpool(find, request.path_params["photo_id"])
        except PhotoNotFound:
            file = None
        if file is None:
            refusal = HttpRefusal(HTTPStatus.NOT_FOUND, "there is no such picture here")
            return _refuse(refusal, str(uuid.uuid4()))
        return _file_response(request, file, page)

    async def refuse_path(_request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        refusal = HttpRefusal(
            HTTPStatus(error.status_code), error.detail, **dict(error.headers or {})
        )
        return _refuse(refusal, str(uuid.uuid4()))

    return Starlette(
        routes=[
            *(Route(path, call_handler, methods=_METHODS) for path in API_PATHS),
            Route("/thumbs/{photo_id:path}", partial(send_file, find=files.thumbnail)),
            Route("/originals/{photo_id:path}", partial(send_file, find=files.original)),
            Route("/config.json", _send_config),
            Mount("/", page),
        ],
        middleware=[Middleware(_Guard, host=host)],
        exception_handlers={HTTPException: refuse_path},
    )


def run(
    settings: Settings,
    *,
    photos_root: Path | None,
    thumbs_dir: Path,
    host: str = "127.0.0.1",
    port: int = 8000,
) -> int:
    """Serve until stopped, with model and index open before the first request.

    Returns:
        The exit code: 0 after Ctrl-C, 2 when the port cannot be used.

    Raises:
        PhotoSearchError: The model or the index cannot be opened.
    """
    search = open_photo_search(settings)
    search.encoder.warm_up(["text"])
    try:
        listener = _listen(host, port)
    except OSError as error:
        sys.stderr.write(
            f"photo-search: cannot listen on {host} port {port}: {error.strerror or error}; "
            "choose another with --port (make demo PORT=…)\n"
        )
        return 2
    app = create_app(
        settings=settings,
        photos_root=photos_root,
        thumbs_dir=thumbs_dir,
        host=host,
        open_search=lambda: search,
    )
    shown_host = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"Search at http://{shown_host}:{listener.getsockname()[1]}/ (Ctrl-C stops)\n")
    sys.stdout.flush()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", server_header=False))
    # uvicorn raises the signal that stopped it once more when it is done.
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    return 0


class _Guard(BaseHTTPMiddleware):
    """Refuses foreign host names and adds the security headers.

    A page of another site can make its own name lead to this machine (DNS rebinding) and then read
    answers as its own; the Host header still holds that name. An IP address cannot be rebound.
    """

    def __init__(self, app: ASGIApp, *, host: str) -> None:
        super().__init__(app)
        self._names = {"localhost", host.lower()}

    async def dispatch(
        self, request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if self._is_ours(request.headers):
            response = await call_next(request)
        else:
            refusal = HttpRefusal(
                HTTPStatus.MISDIRECTED_REQUEST, "this server does not answer to that host name"
            )
            response = _refuse(refusal, str(uuid.uuid4()))
        for name, value in _SECURITY_HEADERS.items():
            response.headers[name] = value
        # Left to guess, a browser may join modules of two versions of the page.
        response.headers.setdefault("Cache-Control", "no-cache")
        return response

    def _is_ours(self, headers: Headers) -> bool:
        name = headers.get("host", "").lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _listen(host: str, port: int) -> socket.socket:
    family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server((host, port), family=socket.AddressFamily(family))


async def _send_config(_request: Request) -> Response:
    """How the page's users sign in; on a laptop nobody does."""
    return JSONResponse({"auth": "none"})


async def _read_body(request: Request) -> bytes | None:
    """Read the whole body; None where it is larger than Lambda takes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _refuse(refusal: HttpRefusal, request_id: str) -> Response:
    problem = refusal_problem(refusal)
    return JSONResponse(
        problem.to_document(request_id),
        status_code=problem.status,
        headers=problem.headers,
        media_type=PROBLEM_CONTENT_TYPE,
    )


def _file_response(request: Request, file: PhotoFile, page: StaticFiles) -> Response:
    # A photo_id stays when its picture changes, so browsers ask again each time; the ETag makes
    # that a question of some bytes.
    headers = {"Cache-Control": "private, no-cache"}
    stat_result = file.path.stat()
    response = FileResponse(
        file.path, headers=headers, media_type=file.media_type, stat_result=stat_result
    )
    if page.is_not_modified(response.headers, request.headers):
        return NotModifiedResponse(response.headers)
    return response
