from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from ingest.ordered_map import WorkerProcesses, map_in_order
from photo_search.errors import DiskFull


def wait_and_double(number: int) -> int:
    time.sleep(0.05 if number % 4 == 0 else 0)
    return 2 * number


def kill_yourself_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def find_the_disk_full(number: int) -> int:
    msg = "no room"
    raise DiskFull(msg)


def pid_of_worker(_: int) -> int:
    return os.getpid()


def test_results_come_in_the_order_of_the_inputs():
    with WorkerProcesses(2) as processes:
        results = list(
            processes.map_in_order(wait_and_double, range(12), window=6, when_killed=lambda _: -1)
        )

    assert results == [2 * number for number in range(12)]


def test_inputs_are_read_only_as_far_as_the_window_asks():
    read = []

    def numbers():
        for number in range(100):
            read.append(number)
            yield number

    with ThreadPoolExecutor(2) as threads:
        results = map_in_order(threads, wait_and_double, numbers(), window=5)
        with closing(results):
            assert [next(results) for _ in range(3)] == [0, 2, 4]

    assert len(read) == 7


def test_an_input_that_kills_its_worker_is_alone_in_failing():
    with WorkerProcesses(2) as processes:
        results = list(
            processes.map_in_order(
                kill_yourself_at_three, range(8), window=4, when_killed=lambda number: -number
            )
        )

    assert results == [0, 1, 2, -3, 4, 5, 6, 7]


def test_an_error_of_the_job_comes_through_from_a_worker():
    with WorkerProcesses(2) as processes, pytest.raises(DiskFull, match="no room"):
        list(processes.map_in_order(find_the_disk_full, [1], window=2, when_killed=pid_of_worker))


def test_ctrl_c_is_not_for_the_workers():
    with WorkerProcesses(1) as processes:
        (pid,) = processes.map_in_order(pid_of_worker, [0], window=1, when_killed=pid_of_worker)
        os.kill(pid, signal.SIGINT)
        assert list(
            processes.map_in_order(pid_of_worker, [0], window=1, when_killed=pid_of_worker)
        ) == [pid]
