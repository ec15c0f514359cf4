from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.api.pictures import plain

REPOSITORY = Path(__file__).parents[2]


def test_the_page_is_served_at_the_root(client):
    answer = client.get("/")

    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert b"<!doctype html>" in answer.body.lower()


def test_the_page_is_told_that_nobody_signs_in_here(client):
    answer = client.get("/config.json")

    assert answer.json == {"auth": "none"}
    assert answer.headers["cache-control"] == "no-cache"


def test_a_search_goes_through_the_lambda_s_handler(client):
    answer = client.get("/search?q=red+blue&k=2")

    assert answer.status == 200
    assert len(answer.json["hits"]) == 2
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])


def test_bodies_reach_the_handler_as_they_were_sent(client):
    picture = plain((0, 0, 255))
    form = (
        b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        + picture
        + b"\r\n--b--\r\n"
    )

    answers = [
        client.ask("POST", "/search", body=body, content_type=content_type)
        for body, content_type in (
            ('{"text": "größer red"}'.encode(), "application/json"),
            (picture, "image/png"),
            (form, "multipart/form-data; boundary=b"),
        )
    ]

    assert [answer.status for answer in answers] == [200, 200, 200]


def test_bytes_that_are_no_utf_8_are_refused_with_400(client):
    answer = client.ask(
        "POST", "/search", body=b'{"text": "\xff"}', content_type="application/json"
    )

    assert answer.status == 400
    assert "UTF-8" in answer.json["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 200),
        ("/openapi.json", 200),
        ("/photos/red", 200),
        ("/photos/a%2Fb%20%C3%BC", 200),
        ("/photos/nowhere", 404),
        ("/search?k=0&q=x", 400),
    ],
)
def test_the_api_s_paths_reach_the_handler(client, path, status):
    answer = client.get(path)

    assert answer.status == status
    assert "json" in answer.headers["content-type"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/search/", 404), ("POST", "/", 405)],
)
def test_a_path_that_is_not_there_gets_a_problem_document(client, method, path, status):
    answer = client.ask(method, path)

    assert answer.status == answer.json["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_method_gets_the_handler_s_405(client):
    answer = client.ask("DELETE", "/search")

    assert answer.status == 405
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_6_mb_is_refused_with_413(client, declared):
    body = bytes(6 * 1024 * 1024 + 1)
    if declared:
        answer = client.ask("POST", "/search", body=body, content_type="image/png")
        status, content_type = answer.status, answer.headers["content-type"]
    else:
        connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=10)
        connection.request("POST", "/search", body=iter([body]), encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})  # fmt: skip
        response = connection.getresponse()
        status, content_type = response.status, response.headers["content-type"]
        connection.close()

    assert status == 413
    assert content_type == "application/problem+json"


@pytest.mark.parametrize("photo_id", ["red", "a%2Fb%20%C3%BC", "a/b%20%C3%BC"])
def test_a_thumbnail_is_served_as_webp(client, photo_id):
    answer = client.get(f"/thumbs/{photo_id}")

    assert answer.status == 200
    assert answer.headers["content-type"] == "image/webp"
    assert answer.body.startswith(b"RIFF")


def test_an_unchanged_picture_is_not_sent_again(client):
    etag = client.get("/thumbs/red").headers["etag"]

    answer = client.get("/thumbs/red", if_none_match=etag)

    assert answer.status == 304
    assert answer.body == b""
    assert answer.headers["etag"] == etag


def test_an_original_is_served_with_its_type(client):
    answer = client.get("/originals/a%2Fb%20%C3%BC")

    assert answer.status == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.body.startswith(b"\xff\xd8")


def test_a_format_that_browsers_do_not_show_falls_back_on_the_thumbnail(client):
    answer = client.get("/originals/tiff")

    assert answer.status == 200
    assert answer.headers["content-type"] == "image/webp"


@pytest.mark.parametrize(
    "path",
    [
        "/originals/above", "/originals/rooted", "/originals/linked", "/originals/gone",
        "/originals/directory", "/originals/nul", "/originals/unsplash", "/originals/nowhere",
        "/originals/red.png", "/originals/../secret.png", "/originals/%2e%2e%2fsecret.png",
        "/originals/..%5csecret.png", "/originals//etc/passwd", "/originals/%00", "/originals/",
        "/thumbs/nowhere", "/thumbs/../secret.png", "/thumbs/%2e%2e/secret", "/thumbs/.",
        "/thumbs/..", "/thumbs/%00", "/thumbs/" + "x" * 5000, "/thumbs/red.webp", "/thumbs/",
        "/../secret.png", "/%2e%2e/secret.png", "/..%2f..%2fetc/passwd", "/js/../../pyproject.toml",
    ],
)  # fmt: skip
def test_no_path_leads_to_another_file(client, path):
    answer = client.get(path)

    assert answer.status == 404
    assert b"secret" not in answer.body
    assert b"root:" not in answer.body


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("LOCALHOST:8000", 200), ("127.0.0.1:1", 200), ("[::1]:8000", 200),
        ("192.168.1.5:8000", 200), ("evil.example", 421), ("localhost.evil.example:8000", 421),
        ("", 421), ("[evil]", 421), ("127.0.0.1.evil.example", 421),
    ],
)  # fmt: skip
def test_only_host_names_of_this_machine_are_answered(client, host, status):
    assert client.get("/healthz", host=host).status == status


@pytest.mark.parametrize("path", ["/", "/search?q=red", "/thumbs/red", "/nowhere", "/search?k=0"])
def test_every_answer_carries_the_security_headers(client, path):
    headers = client.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "img-src 'self' https:" in headers["content-security-policy"]
    assert "default-src 'self'" in headers["content-security-policy"]


def test_many_at_once_are_each_answered_with_their_own(client):
    wanted = ["red", "gone", "above", "tiff"] * 10
    found = {}

    def ask(number, photo_id):
        found[number] = client.get(f"/photos/{photo_id}").json["photo_id"]

    threads = [threading.Thread(target=ask, args=pair) for pair in enumerate(wanted)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [found[number] for number in range(len(wanted))] == wanted


def start(*arguments, settings):
    environment = {
        "PYTHONPATH": "lambda_src",
        "MODEL_DIR": str(settings.model_dir),
        "INDEX_URL": settings.index_url,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "ingest", "serve", *arguments],
        cwd=REPOSITORY,
        env=os.environ | environment,  # noqa: TID251 - of a child
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_prints_its_url_serves_and_stops_at_ctrl_c(settings, collection):
    arguments = [
        "--port",
        "0",
        "--photos",
        collection / "photos",
        "--thumbs",
        collection / "thumbs",
    ]
    with start(*map(str, arguments), settings=settings) as process:
        (port,) = re.findall(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
        connection.request("GET", "/originals/red")
        status = connection.getresponse().status
        connection.close()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        errors = process.stderr.read()

    assert status == 200
    assert process.returncode == 0
    assert errors == ""


def test_a_missing_index_is_told_before_anything_is_served(settings, tmp_path):
    missing = replace(settings, index_url=f"sqlite:///{tmp_path / 'missing.db'}")

    with start("--port", "0", settings=missing) as process:
        process.wait(timeout=20)
        errors = process.stderr.read()

    assert process.returncode == 2
    assert "missing.db" in errors
    assert "Traceback" not in errors


def test_a_port_in_use_is_told_and_gives_exit_code_2(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start("--port", str(port), settings=settings) as process:
            process.wait(timeout=20)
            errors = process.stderr.read()

    assert process.returncode == 2
    assert f"port {port}" in errors
    assert "Traceback" not in errors
