"""The site in front of the Lambda image: the page, and the API's paths as calls to the function.

``python -m local.lambda_site`` stands in for CloudFront and API Gateway; ``compose.yaml`` runs it.
"""

from __future__ import annotations

import sys
import uuid
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from http_api.event_body import MAX_BODY_BYTES
from ingest.exit_codes import DONE
from local.api_event import to_event, to_response
from local.emulator import Emulator
from local.server import API_PATHS, WEB_DIR
from photo_search.photo import thumbnail_name


def create_site(invoke: Callable[[object], Any], *, thumbs_dir: Path) -> Starlette:
    """Make the site's ASGI application.

    Args:
        invoke: Calls the function with an event; answers the API's paths.
        thumbs_dir: Directory of the thumbnails that ingest wrote.
    """

    async def call(request: Request) -> Response:
        # API Gateway refuses what is too large before it calls.
        if int(request.headers.get("content-length", "0")) > MAX_BODY_BYTES:
            return JSONResponse({"message": "Request Entity Too Large"}, 413)
        event = to_event(request, await request.body(), request_id=str(uuid.uuid4()))
        return to_response(await run_in_threadpool(invoke, event))

    async def send_thumbnail(request: Request) -> Response:
        path = thumbs_dir / thumbnail_name(request.path_params["photo_id"])
        if not path.is_file():
            return JSONResponse({"message": "Not Found"}, 404)
        return FileResponse(path, media_type="image/webp")

    async def send_config(_request: Request) -> Response:
        return JSONResponse({"auth": "none"})

    return Starlette(
        routes=[
            *(Route(path, call, methods=["GET", "POST"]) for path in API_PATHS),
            Route("/thumbs/{photo_id:path}", send_thumbnail),
            Route("/config.json", send_config),
            Mount("/", StaticFiles(directory=WEB_DIR, html=True)),
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until stopped.

    Args:
        argv: The arguments; those of the process when left out.
    """
    parser = ArgumentParser("python -m local.lambda_site", description=__doc__)
    parser.add_argument("--function", required=True, metavar="URL", help="of the emulator's port")
    parser.add_argument("--thumbs", type=Path, default=Path("/thumbs"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args(argv)
    site = create_site(Emulator.at(options.function).invoke, thumbs_dir=options.thumbs)
    uvicorn.run(site, host=options.host, port=options.port, log_level="warning")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
