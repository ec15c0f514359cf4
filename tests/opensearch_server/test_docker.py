from __future__ import annotations

import pytest
import yaml

from local.opensearch_server.docker import COMPOSE_FILE, running_container, why_not
from local.opensearch_server.engine import Engine, ServerOptions, choose_engine
from local.opensearch_server.releases import RELEASES
from photo_search.errors import IndexUnavailable, SettingsError
from tests.opensearch_server.fakes import DOCKER, write_program

RELEASE = RELEASES["3.5.0"]
IMAGE = "opensearchproject/opensearch:3.5.0"


@pytest.fixture
def docker(programs):
    """A Docker whose daemon answers and can get any image; gives its directory."""
    write_program(programs / "docker", DOCKER)
    return programs


def break_docker(docker, *words):
    """Let commands fail that hold one of the words."""
    (docker / "broken").write_text(",".join(words))


def docker_calls(docker):
    return (docker / "docker-calls.txt").read_text().splitlines()


def test_docker_is_chosen_where_a_daemon_answers_and_the_image_comes(docker):
    said: list[str] = []

    assert choose_engine(ServerOptions(), say=said.append) is Engine.DOCKER
    assert said == [f"Fetching the image {IMAGE}, once …"]
    assert docker_calls(docker)[-1] == f"pull --quiet {IMAGE}"


def test_an_image_that_is_there_is_not_fetched(docker):
    (docker / "image").write_text("")
    said: list[str] = []

    assert why_not(RELEASE, say=said.append) is None
    assert said == []
    assert not any(call.startswith("pull") for call in docker_calls(docker))


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("version", "no Docker daemon answers: no luck with version"),
        ("compose", "docker compose is not installed: no luck with compose"),
        ("pull", f"the image {IMAGE} cannot be had: no luck with pull"),
    ],
)
def test_auto_falls_back_to_maven_and_says_why_in_one_line(docker, word, reason):
    break_docker(docker, word)
    said: list[str] = []

    assert choose_engine(ServerOptions(), say=said.append) is Engine.MAVEN
    assert said[-1] == f"Not by Docker ({reason}), so with the files from Maven."
    assert not any("\n" in line for line in said)


def test_docker_alone_does_not_fall_back(docker):
    break_docker(docker, "pull")

    with pytest.raises(SettingsError, match=f"Docker cannot run OpenSearch 3.5.0: .*{IMAGE}"):
        choose_engine(ServerOptions(engine=Engine.DOCKER), say=lambda _line: None)


def test_no_docker_command_is_said_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert why_not(RELEASE, say=lambda _line: None) == "there is no docker command"


def test_maven_alone_does_not_look_for_docker(docker):
    options = ServerOptions(engine=Engine.MAVEN)

    assert choose_engine(options, say=lambda _line: None) is Engine.MAVEN
    assert not (docker / "docker-calls.txt").exists()


def test_a_container_gets_version_port_heap_and_data_and_is_taken_down(docker, tmp_path):
    with running_container(RELEASE, port=0, heap_mb=512, data_dir=tmp_path) as container:
        assert not container.ended()
        port = container.port
        given = (docker / "environment.txt").read_text().splitlines()

    assert {
        "OPENSEARCH_VERSION=3.5.0",
        f"OPENSEARCH_PORT={port}",
        "OPENSEARCH_HEAP_MB=512",
        f"OPENSEARCH_DATA={tmp_path}",
    } <= set(given)
    assert container.ended()
    compose = f"compose --file {COMPOSE_FILE} --project-name photo-search-opensearch-{port}"
    assert docker_calls(docker) == [
        f"{compose} up --no-color --no-log-prefix",
        f"{compose} down --timeout 30",
    ]


def test_a_container_that_does_not_come_up_is_quoted_and_taken_down(docker):
    break_docker(docker, "up")

    with pytest.raises(IndexUnavailable, match=r"ended while it started(.|\n)*no luck with up"):
        running_container(RELEASE, port=0, heap_mb=512, data_dir=None).__enter__()

    assert "down" in docker_calls(docker)[-1]


def test_the_compose_file_runs_one_open_server_for_this_machine_alone():
    compose = yaml.safe_load(COMPOSE_FILE.read_text())
    alone = [one for one in compose["services"].values() if "profiles" not in one]
    (server,) = alone

    assert server["image"] == "opensearchproject/opensearch:${OPENSEARCH_VERSION:-3.5.0}"
    assert server["ports"] == ["127.0.0.1:${OPENSEARCH_PORT:-9200}:9200"]
    assert server["environment"]["discovery.type"] == "single-node"
    assert server["environment"]["DISABLE_SECURITY_PLUGIN"] == "true"
    assert "-Xmx${OPENSEARCH_HEAP_MB:-1024}m" in server["environment"]["OPENSEARCH_JAVA_OPTS"]
    assert all(isinstance(value, str) for value in server["environment"].values())
    assert server["ulimits"]["nofile"] == {"soft": 65_536, "hard": 65_536}
    (volume,) = server["volumes"]
    assert volume == "${OPENSEARCH_DATA:-opensearch-data}:/usr/share/opensearch/data"
    assert "${OPENSEARCH_VERSION:-3.5.0}" in compose["volumes"]["opensearch-data"]["name"]
