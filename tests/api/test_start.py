"""What importing and warming up cost and touch; each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
HEAVY = (
    "PIL", "onnxruntime", "tokenizers", "ftfy", "pydantic", "boto3", "requests", "opensearchpy",
    # Powertools imports the mere top of botocore (1 ms) where there is one.
    "botocore.session", "starlette", "http_api.openapi", "photo_search.image_url",
    "photo_search.index.sqlite", "photo_search.index.opensearch",
)  # fmt: skip


def run(code, **environment):
    """Run code beside the handler and give the JSON that it prints last."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": "lambda_src"} | environment,  # noqa: TID251 - of a child
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_the_handler_loads_nothing_heavy():
    loaded = run("import handler, json, sys; print(json.dumps(sorted(sys.modules)))")

    assert not set(HEAVY) & set(loaded)


def test_importing_the_handler_opens_nothing(tmp_path):
    answer = run(
        "import handler, json; print(json.dumps(handler._photo_search.__closure__ is not None))",
        MODEL_DIR=str(tmp_path / "missing"),
        INDEX_URL="nonsense",
        PRELOAD="nonsense",
    )

    assert answer is True


WARM = """
import json, sys
import lambda_entry, handler
print(json.dumps({
    "towers": handler._photo_search().encoder.loaded_towers,
    "pillow": "PIL" in sys.modules,
}))
"""


def test_the_lambda_s_entry_loads_the_text_tower_alone(settings):
    state = run(
        WARM,
        MODEL_DIR=str(settings.model_dir),
        INDEX_URL=settings.index_url,
        PRELOAD="text",
    )

    assert state == {"towers": ["text"], "pillow": False}


def test_the_warm_up_connects_to_no_server_but_has_imported_what_it_takes(settings):
    code = """
import json, socket, sys
def refuse(*_):
    raise AssertionError("a socket was opened")
socket.socket.connect = refuse
import lambda_entry, handler
print(json.dumps({
    "towers": handler._encoder().loaded_towers,
    "imported": "opensearchpy" in sys.modules and "requests_aws4auth" in sys.modules,
}))
"""
    environment = {
        "MODEL_DIR": str(settings.model_dir),
        "INDEX_URL": "https://search-photos-x.eu-central-1.es.amazonaws.com",
        "PRELOAD": "text",
    }

    assert run(code, **environment) == {"towers": ["text"], "imported": True}


def test_the_core_s_own_warnings_join_the_log():
    code = """
import logging, sys
import handler
handler._logger()
for stream in handler._logger().handlers:
    stream.setStream(sys.stdout)
logging.getLogger("photo_search.index.published").warning("the old copy answers on")
"""

    line = run(code)

    assert (line["level"], line["message"]) == ("WARNING", "the old copy answers on")
    assert line["service"] == "photo_search"


FETCHES = """
import json, socket, sys
asked = []
def refuse(_socket, address):
    asked.append(address[1])
    raise ConnectionRefusedError
socket.socket.connect = refuse
import lambda_entry
print(json.dumps({
    "asked": sorted(set(asked)),
    "imported": "photo_search.index.published" in sys.modules,
}))
"""


@pytest.mark.parametrize(
    ("kind", "asked"),
    [("on-demand", [9]), ("provisioned-concurrency", [9]), ("snap-start", []), ("", [])],
)
def test_the_warm_up_fetches_a_published_index_where_no_snapshot_is_to_come(settings, kind, asked):
    environment = {
        "MODEL_DIR": str(settings.model_dir),
        "INDEX_URL": "s3://our-index/photos.db",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_LAMBDA_INITIALIZATION_TYPE": kind,
    }

    assert run(FETCHES, **environment) == {"asked": asked, "imported": True}


@pytest.mark.parametrize(
    "broken", [{"MODEL_DIR": "/nowhere"}, {"PRELOAD": "nonsense"}, {"INDEX_URL": "nonsense"}]
)
def test_a_failed_warm_up_leaves_a_handler_that_answers_with_500(settings, broken):
    code = """
import json
from types import SimpleNamespace
import lambda_entry
context = SimpleNamespace(aws_request_id="1", function_name="f")
print(json.dumps(lambda_entry.handler({"text": "red"}, context)))
"""
    environment = {"MODEL_DIR": str(settings.model_dir), "INDEX_URL": settings.index_url} | broken

    problem = run(code, **environment)

    assert problem["status"] == 500
    assert "nowhere" not in json.dumps(problem)
    assert "nonsense" not in json.dumps(problem)
