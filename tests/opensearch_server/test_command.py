from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest

from local.opensearch_server.__main__ import main
from tests.conftest import REPOSITORY
from tests.opensearch_server.fakes import DOCKER, write_program

PATIENCE_S = 30.0


@pytest.fixture
def start(programs):
    """Starts the command as a process of its own, with a fake Docker."""
    write_program(programs / "docker", DOCKER)
    environment = f"PYTHONPATH={REPOSITORY}:{REPOSITORY / 'lambda_src'}"
    started = []

    def run(*arguments):
        process = subprocess.Popen(
            [
                *("/usr/bin/env", environment, sys.executable),
                *("-m", "local.opensearch_server", *arguments),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def test_it_tells_the_url_and_what_to_do_next_and_stops_in_order(start, programs):
    process = start("--engine", "docker", "--port", "0")

    said = [process.stdout.readline() for _ in range(4)]
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=PATIENCE_S)

    found = re.fullmatch(r"OpenSearch 3\.5\.0 with k-NN at (http://localhost:\d+)\n", said[1])
    assert found is not None
    assert said[2] == f"  In another terminal: make demo INDEX_URL={found[1]}\n"
    assert said[3] == "  Ctrl-C stops it; its indexes are kept.\n"
    assert process.returncode == 0
    assert process.stderr.read() == ""
    assert " down " in (programs / "docker-calls.txt").read_text().splitlines()[-1]


def test_a_server_that_ends_by_itself_ends_the_command_with_75(start, programs):
    process = start("--engine", "docker", "--port", "0")
    for _ in range(4):
        process.stdout.readline()

    subprocess.run(["/bin/kill", (programs / "up.pid").read_text()], check=True)

    assert process.wait(timeout=PATIENCE_S) == 75
    assert process.stderr.read().startswith("opensearch: OpenSearch ended by itself")


def test_neither_docker_nor_java_is_said_in_full_with_2(start, programs, tmp_path):
    (programs / "broken").write_text("version")

    process = start("--port", "0", "--java-home", str(tmp_path))
    out, complaint = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 2
    assert out.startswith("Not by Docker (no Docker daemon answers: no luck with version)")
    assert complaint.startswith("opensearch: OpenSearch 3.5.0 needs Java 21 or newer")


@pytest.mark.parametrize(
    "wrong", [["--engine", "podman"], ["--version", "1.0"], ["--port", "many"], ["--heap-mb", ""]]
)
def test_wrong_arguments_end_with_2(wrong, capsys):
    with pytest.raises(SystemExit) as stop:
        main(wrong)

    assert stop.value.code == 2
    assert wrong[0] in capsys.readouterr().err
