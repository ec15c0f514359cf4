"""A local run's parts, without Docker: the template's function, the index, the door to loopback."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from local.lambda_image.door import open_door
from local.lambda_image.local_index import reach_index, reachable
from local.lambda_image.template import read_search_function
from photo_search.errors import SettingsError

LOOPBACK = "127.0.0.1"


@pytest.fixture
def docker(tmp_path):
    """Stands for Docker's command; its containers' network is this machine's loopback."""
    script = tmp_path / "docker"
    script.write_text("#!/bin/sh\necho 127.0.0.0/8\n")
    script.chmod(0o755)
    return str(script)


@pytest.fixture
def echo_server():
    """Sends back what it gets until the other side has said all; gives its port."""
    listener = socket.create_server((LOOPBACK, 0))

    def serve():
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(1024):
                connection.sendall(data.upper())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.close()


def function(*names):
    variables = dict.fromkeys(names, "x")
    properties = {"PackageType": "Image", "Environment": {"Variables": variables}}
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


def written(tmp_path, **resources):
    path = tmp_path / "photo-search.template.json"
    path.write_text(json.dumps({"Resources": resources}))
    return path


def test_the_function_that_preloads_is_the_search(tmp_path):
    path = written(
        tmp_path,
        SearchFunction4A=function("INDEX_URL", "PRELOAD"),
        Writer=function("INDEX_URL", "WORK_URL"),
        Site={"Type": "AWS::S3::Bucket", "Properties": {}},
        Handler={"Type": "AWS::Lambda::Function", "Properties": {}},
    )

    found = read_search_function(path)

    assert found.logical_id == "SearchFunction4A"
    assert found.variables == {"INDEX_URL", "PRELOAD"}
    assert found.image == "searchfunction4a:latest"


@pytest.mark.parametrize("count", [0, 2])
def test_a_template_without_exactly_one_search_is_refused(tmp_path, count):
    path = written(tmp_path, **{f"Search{n}": function("PRELOAD") for n in range(count)})

    with pytest.raises(SettingsError, match=f"has {count} functions with the variable PRELOAD"):
        read_search_function(path)


@pytest.mark.parametrize("content", ["{", "{}", "[]"])
def test_a_file_that_is_no_template_is_named(tmp_path, content):
    path = tmp_path / "t.json"
    path.write_text(content)

    with pytest.raises(SettingsError, match=r"t\.json is no synthesised template"):
        read_search_function(path)


def test_a_door_carries_both_ways_to_the_end(echo_server):
    with (
        open_door(LOOPBACK, (LOOPBACK, echo_server)) as port,
        socket.create_connection((LOOPBACK, port)) as client,
    ):
        client.sendall(b"balloon " * 10_000)
        client.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: client.recv(65536), b""))

    assert received == b"BALLOON " * 10_000


def test_a_door_to_nobody_closes_at_once():
    with socket.create_server((LOOPBACK, 0)) as listener:
        free = listener.getsockname()[1]

    with (
        open_door(LOOPBACK, (LOOPBACK, free)) as port,
        socket.create_connection((LOOPBACK, port)) as client,
    ):
        assert client.recv(1) == b""


def test_a_server_on_loopback_gets_an_address_that_containers_reach(docker, echo_server):
    with reachable(f"http://localhost:{echo_server}/photos", docker=docker) as url:
        address = url.removeprefix("http://127.0.0.1:").removesuffix("/photos")
        with socket.create_connection((LOOPBACK, int(address)), timeout=5) as client:
            client.sendall(b"a")
            assert client.recv(1) == b"A"


@pytest.mark.parametrize("url", ["https://search.example:9200/photos", "s3://bucket/photos.db"])
def test_any_other_place_is_left_as_it_is(url):
    with reach_index(url, docker="no-docker") as index:
        assert (index.url, index.file) == (url, None)


def test_a_file_goes_into_the_image_and_has_to_be_there(tmp_path):
    path = tmp_path / "photos.db"
    with (
        pytest.raises(SettingsError, match=r"photos\.db does not exist"),
        reach_index(f"sqlite:///{path}", docker="no-docker"),
    ):
        pass

    path.touch()
    with reach_index(f"sqlite:///{path}", docker="no-docker") as index:
        assert (index.url, index.file) == ("sqlite:////opt/index/photos.db", path)


def test_a_missing_docker_is_named():
    with (
        pytest.raises(SettingsError, match="no-docker is not installed"),
        reachable("http://localhost:9200", docker="no-docker"),
    ):
        pass
