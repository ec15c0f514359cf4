from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.opensearch_server.account import Account
from local.opensearch_server.node import running_node
from photo_search.errors import IndexUnavailable, SettingsError
from tests.conftest import REPOSITORY
from tests.opensearch_server.fakes import write_java

PATIENCE_S = 30.0


@pytest.fixture
def node(programs, cache_dir, ourselves):
    """Makes nodes of the fake OpenSearch."""

    @contextmanager
    def make(**arguments):
        with running_node(cache_dir=cache_dir, account=ourselves, **arguments) as running:
            yield running

    return make


def answers(url: str) -> bool:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        connection.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(pid: int) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while is_alive(pid):
        assert time.monotonic() < deadline_s, "the server outlives the process that started it"
        time.sleep(0.02)


def test_it_answers_inside_the_block_and_is_gone_after_it(node, cache_dir):
    with node(heap_mb=256) as running:
        assert answers(running.url)
        assert is_alive(running.pid)
        assert (running.data / "starts").read_text() == "-Xms256m -Xmx256m\n"
        assert running.log_tail().splitlines()[0] == "a fake OpenSearch starts"

    assert not is_alive(running.pid)
    assert not answers(running.url)
    assert list(cache_dir.glob("node-*")) == []


def test_it_is_gone_too_when_the_block_fails(node):
    with pytest.raises(ZeroDivisionError), node() as running:
        raise ZeroDivisionError

    assert not is_alive(running.pid)


def test_a_node_that_was_killed_starts_again_on_its_port_and_data(node):
    with node() as running:
        first_pid, url = running.pid, running.url

        running.kill()
        assert running.ended()
        assert not is_alive(first_pid)
        running.start()

        assert running.url == url
        assert running.pid != first_pid
        assert answers(url)
        assert len((running.data / "starts").read_text().splitlines()) == 2


def test_a_node_that_runs_is_not_started_twice(node):
    with node() as running, pytest.raises(RuntimeError, match="runs already"):
        running.start()


def test_stopping_and_killing_what_has_ended_does_nothing(node):
    with node() as running:
        running.stop()
        running.stop()
        running.kill()

        assert running.ended()


def test_a_data_directory_that_was_named_is_kept(node, tmp_path):
    data = tmp_path / "deep" / "data"
    for _ in range(2):
        with node(data_dir=data):
            pass

    assert len((data / "starts").read_text().splitlines()) == 2
    assert data.stat().st_mode & 0o777 == 0o700


def test_a_node_that_ends_while_it_starts_is_quoted(node, tmp_path, cache_dir):
    java = write_java(tmp_path / "fail", "21")

    with pytest.raises(IndexUnavailable, match=r"ended while it started(.|\n)*no heap for you"):
        node(java_home=java).__enter__()

    assert list(cache_dir.glob("node-*")) == []


def test_a_port_that_is_in_use_is_refused_before_anything_starts(node):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(SettingsError, match=f"port {port} of 127.0.0.1 cannot be used"):
            node(port=port).__enter__()


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_does_not_exist_is_refused(node, port):
    with pytest.raises(SettingsError, match=f"port {port} does not exist"):
        node(port=port).__enter__()


def test_a_data_directory_that_is_a_file_is_named(node, tmp_path):
    (tmp_path / "data").write_text("")

    with pytest.raises(SettingsError, match="data cannot be made: File exists"):
        node(data_dir=tmp_path / "data").__enter__()


def test_a_data_directory_that_the_server_s_user_cannot_write_to_is_refused(
    programs, cache_dir, tmp_path
):
    class Stranger(Account):
        def may_write_in(self, _directory):
            return False

    with pytest.raises(SettingsError, match=f"user eve, .* cannot write to {tmp_path}; choose"):
        running_node(cache_dir=cache_dir, account=Stranger("eve"), data_dir=tmp_path).__enter__()


def test_the_paths_of_the_jvm_lead_out_of_the_installation(node, cache_dir):
    with node() as running:
        scratch = running.data.parent
        options = (scratch / "config" / "jvm.options").read_text()

    assert f"-XX:HeapDumpPath={scratch}/logs\n" in options
    assert f"-XX:ErrorFile={scratch}/logs/hs_err" in options
    assert f"file={scratch}/logs/gc.log" in options


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_ends_when_the_process_that_started_it_is_killed(
    programs, cache_dir, ourselves, end
):
    # The process of its own knows the sums of the real files alone, and finds all fetched.
    with running_node(cache_dir=cache_dir, account=ourselves):
        pass
    script = (
        "import pathlib, time\n"
        "from local.opensearch_server.account import Account\n"
        "from local.opensearch_server.node import running_node\n"
        f"cache = pathlib.Path({str(cache_dir)!r})\n"
        "with running_node(cache_dir=cache, account=Account('me')) as n:\n"
        "    print(n.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = ["/usr/bin/env", f"PYTHONPATH={REPOSITORY}:{REPOSITORY / 'lambda_src'}"]
    with subprocess.Popen(
        [*command, sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=Path("/")
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert is_alive(pid)

        starter.send_signal(end)
        starter.wait(timeout=PATIENCE_S)

    wait_until_gone(pid)
    deadline_s = time.monotonic() + PATIENCE_S
    while list(cache_dir.glob("node-*")):
        assert time.monotonic() < deadline_s, "the scratch directory outlives the process"
        time.sleep(0.02)
