"""Apply a function in parallel; results come in the order of the inputs, a bounded few ahead."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_order(
    executor: Executor, function: Callable[[Item], Result], items: Iterable[Item], *, window: int
) -> Generator[Result, None, None]:
    """Apply a function in the executor's threads.

    Args:
        executor: Runs the calls; calls not begun are cancelled when the iterator is closed.
        function: What to apply.
        items: Read only as far as the window asks.
        window: Most calls under way or waiting to be taken.
    """
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(executor.submit(function, item))
            if len(pending) >= window:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


class WorkerProcesses:
    """A pool of processes that outlives the death of one of them; a context manager."""

    def __init__(self, workers: int) -> None:
        """Prepare a pool; processes start with the first call."""
        self._workers = workers
        self._pool = self._new_pool()

    def __enter__(self) -> WorkerProcesses:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def map_in_order(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        window: int,
        when_killed: Callable[[Item], Result],
    ) -> Iterator[Result]:
        """Apply a function in the processes.

        Args:
            function: What to apply; picklable, as are items and results.
            items: Read only as far as the window asks.
            window: Most calls under way or waiting to be taken.
            when_killed: The result for an item that kills the process it is worked on in.
        """
        pending: deque[tuple[Item, Future[Result]]] = deque()

        def results(leave: int) -> Iterator[Result]:
            while len(pending) > leave:
                item, future = pending.popleft()
                try:
                    yield future.result()
                except BrokenProcessPool:
                    # One of those under way did it. Each alone in a fresh pool shows which.
                    suspects = [item, *(other for other, _ in pending)]
                    pending.clear()
                    self._restart()
                    yield from (self._alone(function, one, when_killed) for one in suspects)

        for item in items:
            try:
                pending.append((item, self._submit(function, item)))
            except BrokenProcessPool:
                yield from results(0)
                self._restart()
                pending.append((item, self._submit(function, item)))
            yield from results(window - 1)
        yield from results(0)

    def _alone(
        self,
        function: Callable[[Item], Result],
        item: Item,
        when_killed: Callable[[Item], Result],
    ) -> Result:
        try:
            return self._submit(function, item).result()
        except BrokenProcessPool:
            self._restart()
            return when_killed(item)

    def _submit(self, function: Callable[[Item], Result], item: Item) -> Future[Result]:
        # Processes start inside submit and inherit the mask: Ctrl-C is for this process alone to
        # handle, a worker would only print a traceback.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._pool.submit(function, item)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _restart(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPoolExecutor:
        # "spawn", since a fork would copy ONNX Runtime's threads in whatever state they are.
        return ProcessPoolExecutor(
            self._workers, mp_context=get_context("spawn"), initializer=_end_with_parent
        )


def _end_with_parent() -> None:
    """Let a worker end when its parent is killed; otherwise it would wait for work for ever."""
    parent = parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
